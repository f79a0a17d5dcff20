"""Pixels and token ids against those of transformers itself."""

import io
import json

import numpy as np
import pytest
import tokenizers
from PIL import Image

torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')
spm = pytest.importorskip('sentencepiece')

from mmjax import pretrained  # noqa: E402

# PyTorch and transformers warn of each other.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings('default')]

TOWER = {
  'hidden_size': 8,
  'num_attention_heads': 2,
  'intermediate_size': 8,
  'num_hidden_layers': 1,
}
SIDE = {'image_size': 32, 'patch_size': 16}


def _vit():
  config = transformers.ViTConfig(**TOWER, **SIDE)
  return transformers.ViTModel(config)


def _pair(kind, **text):
  config = getattr(transformers, f'{kind}Config')(
    text_config={**TOWER, 'max_position_embeddings': 24, **text},
    vision_config={**TOWER, **SIDE},
  )
  return getattr(transformers, f'{kind}Model')(config)


def _bert(kind):
  config = getattr(transformers, f'{kind}Config')(
    **TOWER, vocab_size=99, max_position_embeddings=40
  )
  return getattr(transformers, f'{kind}Model')(config)


MODELS = {
  'CLIP': lambda: _pair('CLIP', vocab_size=99),
  'Siglip': lambda: _pair('Siglip', vocab_size=99),
  'Bert': lambda: _bert('Bert'),
  'Roberta': lambda: _bert('Roberta'),
}


def _noise(*shape):
  rng = np.random.default_rng(sum(shape))
  return rng.integers(0, 256, shape).astype(np.uint8)


def _pictures():
  """Every kind of picture; all of them in one batch."""
  rgb = Image.fromarray(_noise(40, 51, 3))
  palette = rgb.quantize(16)
  clear = palette.copy()
  clear.info['transparency'] = 3
  return {
    'rgb': rgb,
    'rgba': Image.fromarray(_noise(37, 29, 4)),
    'grey': Image.fromarray(_noise(33, 47)),
    'grey and alpha': Image.fromarray(_noise(33, 47, 2)),
    'palette': palette,
    'palette with a clear colour': clear,
    'one bit': rgb.convert('1'),
    'cmyk': rgb.convert('CMYK'),
    'one wide': Image.fromarray(_noise(41, 1, 3)),
    'one high': Image.fromarray(_noise(1, 41, 3)),
    'one pixel': Image.fromarray(_noise(1, 1, 3)),
    'very wide': Image.fromarray(_noise(7, 300, 3)),
    'very high': Image.fromarray(_noise(301, 9, 3)),
    'small': Image.fromarray(_noise(5, 6, 3)),
    'large': Image.fromarray(_noise(403, 299, 3)),
    'array': _noise(23, 35, 3),
    'flat array': _noise(35, 23),
    'array of four': _noise(35, 23, 4),
    'channels first': _noise(3, 35, 23),
  }


SMALL = {'shortest_edge': 30}
FILES = {
  'CLIP': [
    {'size': {'shortest_edge': 32}, 'crop_size': {'height': 32, 'width': 32}},
    {'size': SMALL, 'crop_size': {'height': 33, 'width': 47}, 'resample': 1},
    {'size': SMALL, 'crop_size': {'height': 27, 'width': 14}, 'resample': 2},
    {'size': 31, 'crop_size': 28},
    {'size': [31, 29], 'do_center_crop': False},
    {'do_resize': False, 'crop_size': 32},
    {'size': {'height': 20, 'width': 41}, 'do_center_crop': False},
    {'do_normalize': False},
    {},
  ],
  'Siglip': [
    {'size': {'height': 32, 'width': 32}},
    {'size': {'height': 29, 'width': 43}, 'resample': 2},
    {'size': 31},
    {'size': 31, 'do_center_crop': True, 'crop_size': 20},
    {},
  ],
  'ViT': [{'size': {'height': 32, 'width': 31}}, {'size': 31}, {}],
  'Bit': [
    {'size': {'shortest_edge': 37}, 'crop_size': {'height': 32, 'width': 32}},
    {'size': 37, 'crop_size': 40, 'image_mean': [0.485, 0.456, 0.406]},
    {},
  ],
  'DeiT': [
    {'size': {'height': 37, 'width': 36}, 'crop_size': 32},
    {'size': 37, 'crop_size': 38, 'resample': 3},
    {},
  ],
  'ConvNext': [
    {'size': {'shortest_edge': 32}, 'crop_pct': 0.875},
    {'size': {'shortest_edge': 33}, 'crop_pct': 0.95, 'resample': 2},
    {'size': 31},
    {'size': {'shortest_edge': 384}},
    {},
  ],
}
CASES = [(kind, i) for kind, files in FILES.items() for i in range(len(files))]


@pytest.fixture(scope='module')
def model(tmp_path_factory):
  """Folders with weights, made once."""
  made = {}

  def folder(kind):
    if kind not in made:
      made[kind] = tmp_path_factory.mktemp('model')
      MODELS.get(kind, _vit)().save_pretrained(made[kind])
    return made[kind]

  return folder


def _clean(folder):
  for file in folder.iterdir():
    if file.name not in ('config.json', 'model.safetensors'):
      file.unlink()


def _compare(folder, pictures):
  """Differences of each picture, all given at once and each alone."""
  theirs = transformers.AutoImageProcessor.from_pretrained(
    folder, backend='pil'
  )
  processor = pretrained.load(folder).preprocess
  flat = pictures.get('flat array')
  want = [
    # An array `[h w]` it does not take.
    theirs(Image.fromarray(x) if x is flat else x)['pixel_values'][0]
    for x in pictures.values()
  ]
  together = len({x.shape for x in want}) == 1
  if together:
    got = processor(image=list(pictures.values()))['image']
  else:
    got = [processor(image=[x])['image'][0] for x in pictures.values()]
  mean, std = processor.image.mean, processor.image.std
  for name, ours, expected in zip(pictures, got, want, strict=True):
    assert ours.dtype == np.uint8, name
    x = (ours / 255 - mean) / std
    expected = np.moveaxis(expected, 0, -1)
    assert x.shape == expected.shape, name
    assert np.abs(x - expected).max() <= 1e-3, name
  return processor.image


@pytest.mark.parametrize(('kind', 'which'), CASES)
def test_pixels_are_equal(kind, which, model):
  folder = model(kind)
  _clean(folder)
  found = getattr(transformers, f'{kind}ImageProcessorPil')(
    do_convert_rgb=True, **FILES[kind][which]
  )
  found.save_pretrained(folder)
  _compare(folder, _pictures())


@pytest.mark.parametrize('new', [False, True])
@pytest.mark.parametrize(('kind', 'which'), CASES)
def test_pixels_of_a_short_file_are_equal(kind, which, new, model):
  """Written by hand or by transformers 4: only what is not the default."""
  folder = model(kind)
  _clean(folder)
  named = 'image_processor_type' if new else 'feature_extractor_type'
  ending = 'ImageProcessorFast' if new else 'FeatureExtractor'
  file = {**FILES[kind][which], named: kind + ending, 'do_convert_rgb': True}
  (folder / 'preprocessor_config.json').write_text(json.dumps(file))
  few = ('rgb', 'rgba', 'very wide', 'small')
  _compare(folder, {name: _pictures()[name] for name in few})


def test_pixels_of_a_file_that_names_no_class_are_equal(model):
  for kind in ('CLIP', 'Siglip', 'ViT'):
    folder = model(kind)
    _clean(folder)
    file = {'size': 31, 'crop_size': 31, 'do_convert_rgb': True}
    (folder / 'preprocessor_config.json').write_text(json.dumps(file))
    _compare(folder, {'rgb': _pictures()['rgb']})


def test_pixels_of_a_path_are_equal(model, tmp_path):
  folder = model('CLIP')
  _clean(folder)
  transformers.CLIPImageProcessorPil(size=20, crop_size=20).save_pretrained(
    folder
  )
  picture = Image.fromarray(_noise(30, 40, 4))
  picture.save(tmp_path / 'x.png')
  preprocess = pretrained.load(folder).preprocess
  want = preprocess(image=[picture])['image']
  for path in (tmp_path / 'x.png', str(tmp_path / 'x.png')):
    np.testing.assert_array_equal(preprocess(image=path)['image'], want)


def test_pixels_of_a_common_file_are_equal(model):
  """transformers 5 may write `processor_config.json` alone."""
  folder = model('CLIP')
  _clean(folder)
  file = transformers.CLIPImageProcessorPil(size=20, crop_size=20).to_dict()
  text = json.dumps({'image_processor': json.loads(json.dumps(file))})
  (folder / 'processor_config.json').write_text(text)
  assert _compare(folder, _pictures()).size == 20


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
  _clean(folder)
  lower = BERT[name].get('do_lower_case', True)
  _trained('Bert', folder, lowercase=lower)
  _write(folder, **BERT[name])
  length = BERT[name].get('model_max_length', 40)
  theirs = _compare_texts(folder, ['[MASK]', '[SEP]', '[mask]'], length)
  if json_too:
    _clean(folder)
    theirs.save_pretrained(folder)
    assert (folder / 'tokenizer.json').exists()
    _compare_texts(folder, ['[MASK]', '[SEP]'], length)


@pytest.mark.parametrize('config', [None, {'add_prefix_space': True}])
@pytest.mark.parametrize('kind', ['Roberta', 'CLIP'])
def test_byte_pairs_are_equal(kind, config, model):
  folder = model(kind)
  _clean(folder)
  _trained(kind, folder)
  if config is not None:
    _write(folder, **config)
  length = {'Roberta': 38, 'CLIP': 24}[kind]
  marks = {'Roberta': ['<mask>', '</s>'], 'CLIP': ['<|endoftext|>']}[kind]
  theirs = _compare_texts(folder, marks, length)
  _clean(folder)
  theirs.save_pretrained(folder)
  assert (folder / 'tokenizer.json').exists()
  _compare_texts(folder, marks, length)


@pytest.mark.parametrize('bos', [False, True])
def test_byte_pairs_of_gpt2_are_equal(bos, model):
  folder = model('Roberta')
  _clean(folder)
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
  _clean(folder)
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
  _clean(folder)
  _spiece(folder / 'spiece.model', 'unigram', **SPIECES[rule], **T5)
  _write(folder, tokenizer_class='T5Tokenizer')
  theirs = _compare_texts(folder, ['</s>', '<extra_id_3>'], 40)
  _clean(folder)
  theirs.save_pretrained(folder)
  _compare_texts(folder, ['</s>', '<extra_id_3>'], 40)


def test_pieces_of_xlm_roberta_are_equal(model):
  folder = model('Roberta')
  _clean(folder)
  file = folder / 'sentencepiece.bpe.model'
  _spiece(file, 'unigram', normalization_rule_name='nmt_nfkc')
  _write(folder, tokenizer_class='XLMRobertaTokenizer')
  _compare_texts(folder, ['<mask>'], 38)


@pytest.mark.parametrize('ends', [(True, True), (False, True), (True, False)])
def test_ends_are_as_tokenizer_json_says(ends, model):
  """Also where tokenizer_config.json says otherwise."""
  folder = model('Roberta')
  _clean(folder)
  _trained('GPT2', folder)
  names = {'bos_token': '<s>', 'eos_token': '</s>', 'pad_token': '<pad>'}
  _write(folder, tokenizer_class='GPT2Tokenizer', **names)
  theirs = _compare_texts(folder, ['</s>'], 38)
  _clean(folder)
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
  _clean(folder)
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
  _clean(folder)
  theirs.save_pretrained(folder)
  _compare_texts(folder, ['</s>'], 40)
