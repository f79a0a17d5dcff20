"""Robustness: known answers for models that look at one thing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.evaluators import PixelNoise, Robustness, SignalNoise, TokenNoise
from mmjax.types import InputError

CLASSES = {'label': ('low', 'high')}
ROWS, FILLED = 60, 64
NOISE = {'image': PixelNoise(), 'audio': SignalNoise(strength=20.0)}


@pytest.fixture
def batch(rng):
  """The label is in the picture and in the sound; the last rows only fill."""
  label = (np.arange(FILLED) % 2).astype(np.int32)
  image = np.repeat(label, 4).reshape(-1, 2, 2, 1).astype(np.float32)
  sign = np.where(label == 1, 1.0, -1.0)[:, None]
  return {
    'image': image,
    'audio': (sign * np.ones((1, 3))).astype(np.float32),
    'label': label,
    'index': np.arange(FILLED, dtype=np.int32),
    'weight': (np.arange(FILLED) < ROWS).astype(np.float32),
    'mask': {
      'image': np.ones(FILLED, bool), 'audio': np.ones((FILLED, 3), bool)
    },
  }  # fmt: skip


def looks_at_the_image(batch):
  there = jnp.asarray(batch['mask']['image'])
  score = jnp.where(there, jnp.asarray(batch['image']).mean((1, 2, 3)) - 0.5, 0)
  return {'logits': {'label': jnp.stack([-score, score], axis=1)}}


def run(predict, batch, **fields):
  evaluator = Robustness(noise=NOISE, **fields)
  return evaluator(predict, lambda view: [batch], CLASSES)


def test_only_what_the_model_looks_at_can_disturb_it(batch):
  found = run(looks_at_the_image, batch)
  table = found.tables['robustness']
  assert (table['clean'], table['chance'], table['examples']) == (
    1.0,
    0.5,
    ROWS,
  )
  assert table['missing'] == {'image': 1.0, 'audio': 0.5}
  for kind in ('noise', 'mismatch'):
    assert table[kind]['audio']['accuracy'] == [1.0] * 5
    assert table[kind]['audio']['relative'] == 1.0
    assert table[kind]['audio']['effective'] == 0.25
    image = table[kind]['image']['accuracy']
    assert image[0] == 1.0
    assert image[-1] < 0.95
  # Every partner has the other label.
  mismatch = table['mismatch']['image']
  assert mismatch['accuracy'][-1] == 0.0
  assert mismatch['accuracy'][2] == pytest.approx(0.5, abs=0.2)
  area = np.trapezoid(mismatch['accuracy'], mismatch['level'])
  assert mismatch['relative'] == pytest.approx(area)
  assert mismatch['effective'] == pytest.approx(area - 0.75)
  assert found.numbers['robustness/mismatch/image/relative'] == area


def test_it_is_the_same_again_and_another_with_another_seed(batch):
  one, again, other = (
    run(looks_at_the_image, batch, seed=seed).tables['robustness']
    for seed in (0, 0, 1)
  )
  assert one == again
  assert one['noise'] != other['noise']


def test_the_figure_is_drawn(batch, tmp_path):
  found = run(looks_at_the_image, batch)
  path = tmp_path / 'curves.png'
  found.figures['robustness'](path)
  assert path.read_bytes()[:4] == b'\x89PNG'


def test_a_modality_that_is_not_there_is_named(batch):
  with pytest.raises(InputError, match="no modality 'imge'"):
    Robustness(noise={'imge': PixelNoise()})(
      looks_at_the_image, lambda view: [batch], CLASSES
    )
  for levels in ((), (0.5, 0.25, 1.0), (0.0, 1.0), (0.5,)):
    with pytest.raises(InputError, match='do not rise from above 0 to 1'):
      Robustness(noise=NOISE, levels=levels)


@pytest.fixture
def keys():
  return jax.vmap(jax.random.key)(jnp.arange(200))


def test_pixels_and_signals_get_noise_of_the_strength(keys):
  gray, here = jnp.full((200, 8, 8, 1), 0.5), jnp.ones(200, bool)
  noisy = PixelNoise(strength=0.2)(gray, here, keys, jnp.asarray(0.5))
  assert np.std(noisy - gray) == pytest.approx(0.1, rel=0.05)
  whole = (gray * 255).astype(jnp.uint8)
  noisy = PixelNoise(strength=0.2)(whole, here, keys, jnp.asarray(1.0))
  assert noisy.dtype == np.uint8
  assert np.std(np.asarray(noisy, float)) == pytest.approx(51, rel=0.05)
  # Relative to what is real alone: the padding is zero.
  mask = jnp.zeros((200, 100), bool).at[:, :50].set(True)
  signal = jnp.where(mask, 3.0, 0.0)
  noisy = SignalNoise(strength=2.0)(signal, mask, keys, jnp.asarray(1.0))
  assert np.std((noisy - signal)[:, :50]) == pytest.approx(6.0, rel=0.05)


def test_tokens_are_replaced_by_others(keys):
  text = jnp.full((200, 10), 300)
  noisy = np.asarray(TokenNoise()(text, text > 0, keys, jnp.asarray(0.3)))
  gone = noisy != 300
  assert gone.mean() == pytest.approx(0.3, abs=0.05)
  assert noisy[gone].min() >= 4
  assert noisy[gone].max() < 260
  clean = TokenNoise()(text, text > 0, keys, jnp.asarray(0.0))
  np.testing.assert_array_equal(clean, text)
