"""Sounds from any array or file to transformers' features and outputs."""

import jax
import numpy as np
import pytest
import soundfile

torch = pytest.importorskip('torch')
hf = pytest.importorskip('transformers')

from mmjax import pretrained  # noqa: E402
from tests.pretrained.references.case import randomize  # noqa: E402
from tests.pretrained.sounds import noise, sounds  # noqa: E402

pytestmark = [
  pytest.mark.slow,
  pytest.mark.filterwarnings('default'),
]
RATE = 16_000


def _channels_first(rng):
  x = noise(rng, 2, RATE)
  return x, RATE, x.mean(axis=0)


def _integers(rng):
  x = (noise(rng, RATE) * 32_768).astype(np.int16)
  return x, RATE, x.astype(np.float32) / 32_768


SOUNDS = sounds(RATE) | {
  'channels_first': _channels_first,
  'integers': _integers,
}
EXTRACTORS = {
  'default': {},
  'own_mean': {'mean': -3.0, 'std': 2.0},
  'raw': {'do_normalize': False},
}


def _ast(folder, **changes):
  config = hf.ASTConfig(
    hidden_size=16,
    num_attention_heads=2,
    intermediate_size=24,
    num_hidden_layers=1,
  )
  model = randomize(hf.ASTForAudioClassification(config), 0)
  extract = hf.ASTFeatureExtractor(**changes)
  model.save_pretrained(folder)
  extract.save_pretrained(folder)
  return model, extract, pretrained.load(folder)


@pytest.fixture(params=EXTRACTORS, scope='module')
def ast(request, tmp_path_factory):
  folder = tmp_path_factory.mktemp('checkpoint')
  return _ast(folder, **EXTRACTORS[request.param])


@pytest.mark.parametrize('sound', SOUNDS)
def test_features_are_those_of_transformers(ast, rng, sound):
  _, extract, loaded = ast
  x, rate, mono = SOUNDS[sound](rng)
  batch = loaded.preprocess(audio=[x], sampling_rate=rate)
  spectrogram = loaded.model.encoders['audio'].spectrogram
  got, real = jax.jit(spectrogram)(batch['audio'], batch['mask']['audio'])
  want = extract(mono, sampling_rate=RATE, return_tensors='np')
  # Without normalisation the same error is nine times as large.
  scale = 1.0 if extract.do_normalize else 2 * 4.5689974
  np.testing.assert_allclose(got, want['input_values'], atol=1e-3 * scale)
  assert np.asarray(real).all()


def test_a_batch_of_all_gives_their_logits(ast, rng, tmp_path):
  """Of several lengths in one batch, one of them from a file."""
  model, extract, loaded = ast
  clips = [noise(rng, n) for n in (RATE, 12 * RATE, 3_000)]
  features = extract(clips, sampling_rate=RATE, return_tensors='pt')
  with torch.no_grad():
    want = model(**features).logits.numpy()
  got = loaded(audio=clips, sampling_rate=RATE)['logits']
  np.testing.assert_allclose(got, want, atol=1e-3)
  file = tmp_path / 'one.wav'
  soundfile.write(file, clips[0], RATE, subtype='FLOAT')
  one = loaded(audio=file)['logits']
  np.testing.assert_allclose(one, got[:1], atol=1e-5)
