"""Sounds from any array or file to the features and outputs of CLAP."""

import functools

import jax
import numpy as np
import pytest
import soundfile

torch = pytest.importorskip('torch')
hf = pytest.importorskip('transformers')

from mmjax import pretrained  # noqa: E402
from tests.pretrained.references.case import randomize  # noqa: E402
from tests.pretrained.references.clap import features  # noqa: E402
from tests.pretrained.sounds import noise, sounds  # noqa: E402

pytestmark = [
  pytest.mark.slow,
  pytest.mark.filterwarnings('default'),
]
RATE = 48_000


def _just_longer(rng):
  x = noise(rng, 10 * RATE + 481)
  return x, RATE, x


SOUNDS = {
  name: make for name, make in sounds(RATE).items() if name != 'twelve_seconds'
} | {'just_longer': _just_longer}
# What the published folders say, and other ways to fill up.
EXTRACTORS = {
  'unfused': {'truncation': 'rand_trunc', 'frequency_min': 50},
  'fused': {'truncation': 'fusion', 'frequency_min': 50},
  'repeated': {'truncation': 'rand_trunc', 'padding': 'repeat'},
  'padded': {'truncation': 'fusion', 'padding': 'pad', 'frequency_min': 20},
}
TINY = {
  'patch_embeds_hidden_size': 6,
  'hidden_size': 12,
  'depths': [1, 2],
  'num_attention_heads': [2, 3],
}
WORDS = {
  'hidden_size': 8,
  'num_attention_heads': 2,
  'intermediate_size': 8,
  'num_hidden_layers': 1,
  'vocab_size': 99,
}


@functools.cache
def _clap(name, make_folder):
  said = EXTRACTORS[name]
  fused = said['truncation'] == 'fusion'
  config = hf.ClapConfig(
    audio_config={**TINY, 'enable_fusion': fused},
    text_config=WORDS,
    projection_dim=8,
  )
  model = randomize(hf.ClapModel(config), 0)
  extract = hf.ClapFeatureExtractor(**said)
  folder = make_folder(name)
  model.save_pretrained(folder)
  extract.save_pretrained(folder)
  return model, extract, pretrained.load(folder)


@functools.cache
def _spectrogram(mel):
  return jax.jit(mel)


@pytest.mark.parametrize(
  ('name', 'sound'),
  [
    *((name, sound) for name in ('unfused', 'fused') for sound in SOUNDS),
    ('repeated', 'tenth_of_a_second'),
    ('padded', 'stereo'),
  ],
)
def test_features_are_those_of_transformers(name, sound, rng, tmp_path_factory):
  _, extract, loaded = _clap(name, tmp_path_factory.mktemp)
  x, rate, mono = SOUNDS[sound](rng)
  batch = loaded.preprocess(audio=[x], sampling_rate=rate)
  run = _spectrogram(loaded.model.encoders['audio'].spectrogram)
  got, longer = run(batch['audio'], batch['mask']['audio'])
  want = features(extract, [mono], RATE)
  np.testing.assert_allclose(got, want['input_features'], atol=1e-3)
  if extract.truncation == 'fusion':
    np.testing.assert_array_equal(longer, want['is_longer'][:, 0])


def test_a_batch_of_all_gives_their_logits(rng, tmp_path_factory):
  """Of several lengths in one batch, one of them from a file."""
  model, extract, loaded = _clap('fused', tmp_path_factory.mktemp)
  clips = [noise(rng, n) for n in (RATE, 12 * RATE, 3_000)]
  words = [[0, 5, 6, 2], [0, 7, 8, 2]]
  with torch.no_grad():
    want = model(
      **features(extract, clips, RATE), input_ids=torch.tensor(words)
    )
  file = tmp_path_factory.mktemp('sounds') / 'one.wav'
  soundfile.write(file, clips[0], RATE, subtype='FLOAT')
  got = loaded(audio=[file, *clips[1:]], text=words, sampling_rate=RATE)
  for name in ('logits_per_audio', 'logits_per_text', 'audio_embeds'):
    np.testing.assert_allclose(got[name], want[name], atol=1e-3)
  # Each is what it is alone, and so are texts without sounds.
  alone = loaded(audio=clips[2], sampling_rate=RATE)
  np.testing.assert_allclose(
    alone['audio_embeds'], got['audio_embeds'][2:], atol=1e-5
  )
  texts = loaded(text=words)
  np.testing.assert_allclose(
    texts['text_embeds'], got['text_embeds'], atol=1e-6
  )
