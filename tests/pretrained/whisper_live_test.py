"""What Whisper hears and writes, against transformers itself."""

import functools
import json

import jax
import numpy as np
import pytest
import soxr
import tokenizers

torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')

from mmjax import pretrained  # noqa: E402
from mmjax.layers import WhisperMel  # noqa: E402
from mmjax.pretrained.whisper import SpeechProcessor  # noqa: E402
from mmjax.types import InputError  # noqa: E402
from tests.pretrained.references import whisper  # noqa: E402
from tests.pretrained.references.case import randomize  # noqa: E402
from tests.pretrained.tokens_live_test import SENTENCES  # noqa: E402

# PyTorch and transformers warn of each other.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings('default')]
RATE = 16_000
SAID = {
  'lang_to_id': {'<|en|>': 4, '<|fr|>': 5},
  'task_to_id': {'transcribe': 6, 'translate': 7},
  'no_timestamps_token_id': 47,  # 51 times follow, of 0.02 s
  'is_multilingual': True,
  'suppress_tokens': [0, 1, 3, 4, 5, 6, 7, 11],
  'begin_suppress_tokens': [2, 12],
  'max_initial_timestamp_index': 20,
  'decoder_start_token_id': 3,
  'eos_token_id': 2,
  'pad_token_id': 0,
  'bos_token_id': 1,
  'max_length': 40,
}


def test_spectrograms_are_equal(rng):
  stereo = rng.normal(size=(2, 20_000)).astype(np.float32) * 0.1
  slow = rng.normal(size=9_000).astype(np.float32) * 0.2
  clips = [
    np.zeros(5_000, np.float32),
    stereo[0, :1_600],
    rng.normal(size=35 * RATE).astype(np.float32) * 0.1,
    soxr.resample(slow, 8_000, RATE),
    stereo.mean(axis=0),
  ]
  extract = transformers.WhisperFeatureExtractor()
  want = extract(clips, sampling_rate=RATE, return_tensors='np')
  want = want['input_features'].transpose(0, 2, 1)
  process = SpeechProcessor(length=30 * RATE, padding='max_length')
  made = [
    process([clip], sampling_rate=rate)
    for clip, rate in (
      (clips[0], RATE),
      (clips[1], RATE),
      (clips[2], RATE),
      (slow, 8_000),
      (stereo, RATE),
    )
  ]
  x, mask = (np.concatenate(parts) for parts in zip(*made, strict=True))
  got, real = jax.jit(WhisperMel(length=30 * RATE))(x, mask)
  assert np.asarray(real).all()
  np.testing.assert_allclose(got, want, atol=1e-3)
  # Of a sound that is not cut, every whole hop.
  long = extract(
    clips[2][:-7],
    sampling_rate=RATE,
    truncation=False,
    padding='longest',
    return_tensors='np',
  )['input_features'][0]
  clip = clips[2][None, :-7]
  got = jax.jit(WhisperMel(length=clip.shape[1]))(clip, clip == clip)[0]
  np.testing.assert_allclose(got[0], long.T, atol=1e-3)


@functools.cache
def _both(folder, which=0):
  config = whisper.config(which)
  config.max_target_positions = 40
  model = transformers.WhisperForConditionalGeneration(config)
  model = randomize(model, 5 + which, scale=0.35)
  for name, value in SAID.items():
    setattr(model.generation_config, name, value)
  model.save_pretrained(folder)
  whisper.extractor(which).save_pretrained(folder)
  return model, pretrained.load(folder)


@pytest.fixture(scope='module', params=[0, 1])
def both(request, tmp_path_factory):
  return _both(tmp_path_factory.mktemp('whisper'), request.param)


@pytest.fixture(scope='module')
def clips():
  rng = np.random.default_rng(1)
  return [
    (rng.normal(size=n) * np.geomspace(0.5, 0.01, n)).astype(np.float32)
    for n in (52_800, 40_103, 14_000)
  ]


def _features(loaded, clip):
  mels = loaded.config['num_mel_bins']
  extract = transformers.WhisperFeatureExtractor(
    feature_size=mels, chunk_length=1
  )
  options = {'truncation': False, 'padding': 'longest'}
  if len(clip) < RATE:
    options = {}
  return extract(clip, sampling_rate=RATE, return_tensors='pt', **options)[
    'input_features'
  ]


def _theirs(both, clip, **options):
  model, loaded = both
  found = model.generate(_features(loaded, clip), **options)
  return found[0].tolist()


def _ours(both, clips, **options):
  found = both[1].generate(audio=clips, sampling_rate=RATE, **options)
  assert found['text'] is None
  return found['tokens'].tolist()


def _same(both, clips, ours, theirs, least=0):
  kinds = set()
  for clip, got in zip(clips, _ours(both, clips, **ours), strict=True):
    want = _theirs(both, clip, **theirs)
    assert len(want) > 2
    kinds |= set(want)
    assert got[: len(want)] == want
    assert not any(got[len(want) :])
  assert len(kinds) > least


def test_a_window_is_written_as_by_transformers(both, clips):
  short = [clip[:n] for clip, n in zip(clips, (15_000, 9_000, 2), strict=True)]
  # The language is heard, or given with what to do.
  _same(both, short, {'max_new_tokens': 9}, {'max_new_tokens': 9})
  given = {'language': 'fr', 'task': 'translate'}
  _same(both, short, given, given)
  _same(
    both,
    short,
    {'timestamps': True, 'language': 'en'},
    {'return_timestamps': True, 'language': 'en'},
  )


def test_beams_are_those_of_transformers(both, clips):
  short = [clip[:15_000] for clip in clips]
  common = {'language': 'en', 'max_new_tokens': 10}
  _same(both, short, {**common, 'beams': 5}, {**common, 'num_beams': 5})


@pytest.mark.parametrize('beams', [1, 5])
def test_long_sounds_are_written_as_by_transformers(both, clips, beams):
  given = {'language': 'en', 'task': 'transcribe', 'max_new_tokens': 12}
  _same(
    both,
    clips[:2],
    {**given, 'beams': beams},
    {**given, 'num_beams': beams, 'return_timestamps': True},
    # Beams over random weights repeat themselves, by machines more or less.
    least=3 if beams == 1 else 1,
  )
  # All of the sound is heard, and so in several windows.
  assert len(_ours(both, clips[:1], **given)[0]) > 20


def _tokenizer(folder):
  """Files as OpenAI's checkpoints have them: words, pairs and added tokens."""
  made = tokenizers.ByteLevelBPETokenizer()
  made.train_from_iterator(SENTENCES, vocab_size=300)
  made.save_model(str(folder))
  names = ['endoftext', 'startoftranscript', 'en', 'fr', 'translate']
  names += ['transcribe', 'startofprev', 'notimestamps', '0.00', '0.02']
  first = made.get_vocab_size()
  added = {f'<|{name}|>': first + i for i, name in enumerate(names)}
  (folder / 'added_tokens.json').write_text(json.dumps(added))
  config = {
    'tokenizer_class': 'WhisperTokenizer',
    'model_max_length': 30,
    'additional_special_tokens': list(added)[:-2],
  }
  (folder / 'tokenizer_config.json').write_text(json.dumps(config))
  return added


def test_token_ids_and_words_are_those_of_transformers(both, tmp_path):
  both[0].save_pretrained(tmp_path)
  added = _tokenizer(tmp_path)
  theirs = transformers.WhisperTokenizer.from_pretrained(tmp_path)
  for name, token in added.items():
    assert theirs.convert_tokens_to_ids(name) == token
  for saved in (False, True):
    if saved:
      theirs.save_pretrained(tmp_path)
    ours = pretrained.load(tmp_path).preprocess.text
    for text in ('', ' Hello there', '\u4f60\u597d', '\U0001f600 a  b'):
      ids = theirs(text, truncation=True, max_length=30)['input_ids']
      assert ours([text])[0][0].tolist() == ids
      spoken = [*ids, added['<|en|>']]
      want = theirs.decode(spoken, skip_special_tokens=True)
      assert ours.tokenizer.decode(spoken) == want == text


def test_what_cannot_be_written_is_an_error(both, clips):
  generate = functools.partial(both[1].generate, sampling_rate=RATE)
  short = clips[2][:900]
  for options, words in (
    ({}, 'no audio is given'),
    ({'audio': short, 'language': 'de'}, r"'de' is not one of \['en', 'fr'\]"),
    ({'audio': short, 'task': 'sing'}, "task 'sing' is not one of"),
    ({'audio': clips[0], 'timestamps': False}, 'timestamps=False'),
    ({'audio': short, 'max_new_tokens': 38}, 'than the 40'),
    ({'audio': short, 'beams': 2, 'top_k': 3}, 'a beam search draws nothing'),
  ):
    with pytest.raises(InputError, match=words):
      generate(**options)
