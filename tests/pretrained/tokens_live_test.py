"""Token ids against those of transformers itself."""

import io
import json

import numpy as np
import pytest
import tokenizers

torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')
spm = pytest.importorskip('sentencepiece')

from mmjax import pretrained  # noqa: E402
from tests.pretrained.tiny_folders import Folders, clean  # noqa: E402

# PyTorch and transformers warn of each other.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings('default')]


SENTENCES = [
  'The quick brown fox jumps over the lazy dog, and 12 others do not.',
  'A photo of two dogs that play in the snow: \u00e9t\u00e9, '
  '\u4f60\u597d \u4e16\u754c!',
  'What a low lower lowest newer newest wide wider widest day it is.',
  "It's the cat's; we'll see ... (and they've seen it).",
] * 10
TEXTS = [
  'The quick brown fox',
  '',
  ' ',
  'A PHOTO of 12345 Cats',
  '  two dogs  play   in the snow  ',
  'a\nb\n\nc\td\r\ne\u00a0f\u3000g',
  '\U0001f600 the \U0001f468\u200d\U0001f469\u200d\U0001f467 dog',
  '\U0001f600',
  '\u4f60\u597d\uff0c\u4e16\u754c',
  '\u00c9T\u00c9 e\u0301te\u0301 stra\u00dfe \ufb01ne \u0130',
  "it's they've (we'll)... !!! -- 'quoted'",
  '!!!',
  '\u2581a \u2581 b\u2581',
  '\x00a\x1cb\x07 c',
  'low' * 3333 + 'x',
  'the dog ' * 1250,
  ' '.join(SENTENCES)[:10000],
]
# Tokens with a meaning, inside of a text.
MARKED = 'the dog {} the {} cat{}'


@pytest.fixture(scope='module')
def model(tmp_path_factory):
  return Folders(lambda: tmp_path_factory.mktemp('model'))


def _trained(kind, folder, **options):
  """`vocab.txt`, or `vocab.json` and `merges.txt`, of these sentences."""
  if kind == 'Bert':
    made = tokenizers.BertWordPieceTokenizer(**options)
    made.train_from_iterator(SENTENCES, vocab_size=150, min_frequency=1)
  elif kind == 'CLIP':
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(
      tokenizers.models.BPE(end_of_word_suffix='</w>')
    )
    made.normalizer = tokenizers.normalizers.Lowercase()
    made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
      [
        tokenizers.pre_tokenizers.WhitespaceSplit(),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
      ]
    )
    trainer = tokenizers.trainers.BpeTrainer(
      vocab_size=400, initial_alphabet=letters, end_of_word_suffix='</w>'
    )
    made.train_from_iterator(SENTENCES, trainer)
    made.model.save(str(folder))
    # As in OpenAI's: every byte, inside and at the end of a word.
    ids = json.loads((folder / 'vocab.json').read_text('utf-8'))
    for piece in [
      *[f'{letter}</w>' for letter in letters],
      '<|startoftext|>',
      '<|endoftext|>',
    ]:
      ids.setdefault(piece, len(ids))
    (folder / 'vocab.json').write_text(json.dumps(ids), 'utf-8')
    return
  else:
    made = tokenizers.ByteLevelBPETokenizer()
    special = ['<s>', '<pad>', '</s>', '<unk>', '<mask>', '<|endoftext|>']
    made.train_from_iterator(SENTENCES, vocab_size=400, special_tokens=special)
  made.save_model(str(folder))


def _spiece(path, kind, **options):
  """A model of sentencepiece."""
  model = io.BytesIO()
  spm.SentencePieceTrainer.train(
    sentence_iterator=iter(SENTENCES),
    model_writer=model,
    vocab_size=120 if kind == 'unigram' else 400,
    model_type=kind,
    hard_vocab_limit=False,
    minloglevel=2,
    **options,
  )
  path.write_bytes(model.getvalue())


def _compare_texts(folder, marks=(), length=24, padding=True):
  theirs = transformers.AutoTokenizer.from_pretrained(folder)
  processor = pretrained.load(folder).preprocess
  texts = [*TEXTS, *(MARKED.format(x, x, x) for x in marks)]
  for some in (texts, *[[text] for text in texts]):
    want = theirs(
      some,
      padding=padding,
      truncation=True,
      max_length=processor.text.length,
    )
    batch = processor(text=some)
    for i, ids in enumerate(want['input_ids']):
      got = batch['text'][i].tolist()
      assert got == ids or not ids, (some[i][:80], got, ids)
    if processor.text.attend_padding:
      assert batch['mask']['text'].all()
    else:
      mask = np.asarray(want['attention_mask'], bool)
      found = batch['mask']['text']
      np.testing.assert_array_equal(found[:, : mask.shape[1]], mask)
      assert not found[:, mask.shape[1] :].any()
  assert processor.text.length == length
  return theirs


def _write(folder, **config):
  (folder / 'tokenizer_config.json').write_text(json.dumps(config))


BERT = {
  'uncased': {},
  'cased': {'do_lower_case': False},
  'accents': {'do_lower_case': True, 'strip_accents': False},
  'chinese': {'tokenize_chinese_chars': False, 'model_max_length': 17},
  'unpadded names': {
    'tokenizer_class': 'BertTokenizerFast',
    'pad_token': '[UNK]',
  },
}


@pytest.mark.parametrize('json_too', [False, True])
@pytest.mark.parametrize('name', BERT)
def test_wordpieces_are_equal(name, json_too, model, tmp_path):
  folder = model('Bert')
  lower = BERT[name].get('do_lower_case', True)
  _trained('Bert', folder, lowercase=lower)
  _write(folder, **BERT[name])
  length = BERT[name].get('model_max_length', 40)
  theirs = _compare_texts(folder, ['[MASK]', '[SEP]', '[mask]'], length)
  if json_too:
    clean(folder)
    theirs.save_pretrained(folder)
    assert (folder / 'tokenizer.json').exists()
    _compare_texts(folder, ['[MASK]', '[SEP]'], length)


@pytest.mark.parametrize('config', [None, {'add_prefix_space': True}])
@pytest.mark.parametrize('kind', ['Roberta', 'CLIP'])
def test_byte_pairs_are_equal(kind, config, model):
  folder = model(kind)
  _trained(kind, folder)
  if config is not None:
    _write(folder, **config)
  length = {'Roberta': 38, 'CLIP': 24}[kind]
  marks = {'Roberta': ['<mask>', '</s>'], 'CLIP': ['<|endoftext|>']}[kind]
  theirs = _compare_texts(folder, marks, length)
  clean(folder)
  theirs.save_pretrained(folder)
  assert (folder / 'tokenizer.json').exists()
  _compare_texts(folder, marks, length)


@pytest.mark.parametrize('bos', [False, True])
def test_byte_pairs_of_gpt2_are_equal(bos, model):
  folder = model('Roberta')
  _trained('GPT2', folder)
  _write(
    folder,
    tokenizer_class='GPT2Tokenizer',
    pad_token='<pad>',
    add_bos_token=bos,
  )
  _compare_texts(folder, ['<|endoftext|>'], 38)


SPIECES = {
  'plain': {'normalization_rule_name': 'identity'},
  'nmt': {'normalization_rule_name': 'nmt_nfkc'},
  'folded': {'normalization_rule_name': 'nmt_nfkc_cf'},
}
T5 = {'pad_id': 0, 'eos_id': 1, 'unk_id': 2, 'bos_id': -1}


@pytest.mark.parametrize('json_too', [False, True])
@pytest.mark.parametrize('config', [None, {'do_lower_case': False}])
@pytest.mark.parametrize('rule', SPIECES)
def test_pieces_of_siglip_are_equal(rule, config, json_too, model):
  folder = model('Siglip')
  _spiece(folder / 'spiece.model', 'unigram', **SPIECES[rule], **T5)
  if config is not None:
    _write(folder, tokenizer_class='SiglipTokenizer', **config)
  if json_too:  # it is not looked at
    made = tokenizers.ByteLevelBPETokenizer()
    made.train_from_iterator(SENTENCES, vocab_size=300)
    made.save(str(folder / 'tokenizer.json'))
  _compare_texts(folder, padding='max_length')


@pytest.mark.parametrize('rule', SPIECES)
def test_pieces_of_t5_are_equal(rule, model):
  folder = model('Bert')
  _spiece(folder / 'spiece.model', 'unigram', **SPIECES[rule], **T5)
  _write(folder, tokenizer_class='T5Tokenizer')
  theirs = _compare_texts(folder, ['</s>', '<extra_id_3>'], 40)
  clean(folder)
  theirs.save_pretrained(folder)
  _compare_texts(folder, ['</s>', '<extra_id_3>'], 40)


def test_pieces_of_xlm_roberta_are_equal(model):
  folder = model('Roberta')
  file = folder / 'sentencepiece.bpe.model'
  _spiece(file, 'unigram', normalization_rule_name='nmt_nfkc')
  _write(folder, tokenizer_class='XLMRobertaTokenizer')
  _compare_texts(folder, ['<mask>'], 38)


@pytest.mark.parametrize('ends', [(True, True), (False, True), (True, False)])
def test_ends_are_as_tokenizer_json_says(ends, model):
  """Also where tokenizer_config.json says otherwise."""
  folder = model('Roberta')
  _trained('GPT2', folder)
  names = {'bos_token': '<s>', 'eos_token': '</s>', 'pad_token': '<pad>'}
  _write(folder, tokenizer_class='GPT2Tokenizer', **names)
  theirs = _compare_texts(folder, ['</s>'], 38)
  clean(folder)
  theirs.save_pretrained(folder)
  for kind in ('GPT2Tokenizer', 'PreTrainedTokenizerFast'):
    _write(
      folder,
      tokenizer_class=kind,
      add_bos_token=ends[0],
      add_eos_token=ends[1],
      **names,
    )
    _compare_texts(folder, ['</s>'], 38)


@pytest.mark.parametrize('legacy', [False, True])
@pytest.mark.parametrize('side', [None, 'right'])
def test_pieces_of_llama_are_equal(legacy, side, model):
  folder = model('Bert')
  _spiece(
    folder / 'tokenizer.model',
    'bpe',
    byte_fallback=True,
    normalization_rule_name='identity',
    remove_extra_whitespaces=False,
  )
  config = {'legacy': legacy, 'pad_token': '<unk>'}
  if side:
    config |= {'padding_side': side, 'add_bos_token': True}
  _write(folder, tokenizer_class='LlamaTokenizer', **config)
  theirs = _compare_texts(folder, ['</s>'], 40)
  clean(folder)
  theirs.save_pretrained(folder)
  _compare_texts(folder, ['</s>'], 40)
