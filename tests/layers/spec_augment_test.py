"""SpecAugment: what it hides, of whom, and when."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.audio_convnet import AudioConvNet
from mmjax.encoders.speech import SpeechTransformer
from mmjax.layers.spec_augment import SpecAugment
from mmjax.train import dropout

LENGTHS = np.array([40, 40, 10, 0, 25, 40, 3, 40])


@functools.cache
def run():
  module = SpecAugment(bands=6, band_masks=1, frames=12, frame_masks=2)

  @jax.jit
  def holes(index, key, mask):
    x = jnp.ones((len(index), 40, 16))
    with dropout.by_example(index):
      rngs = {'masking': key}
      return module.apply({}, x, mask, train=True, rngs=rngs) == 0

  return holes


def test_holes_are_bands_and_stretches_of_what_is_real():
  mask = np.arange(40) < LENGTHS[:, None]
  widths, lengths = [], []
  for seed in range(60):
    hidden = np.asarray(run()(jnp.arange(8), jax.random.key(seed), mask))
    bands, frames = hidden.all(axis=1), hidden.all(axis=2)
    # Nothing but whole bands and whole frames.
    want = bands[:, None] | frames[:, :, None]
    np.testing.assert_array_equal(hidden, want)
    widths += bands.sum(axis=1).tolist()
    lengths += frames[[0, 1, 5, 7]].sum(axis=1).tolist()
    for row in bands:
      assert np.diff(np.flatnonzero(row)).max(initial=1) == 1
    # A hole never reaches behind the end of a clip.
    assert not (frames & ~mask)[~bands.all(axis=1)].any()
  assert set(widths) == set(range(7))
  assert max(lengths) <= 24
  assert np.mean(lengths) > 8


def test_holes_follow_the_example_and_the_key():
  mask, key = np.ones((8, 40), bool), jax.random.key(0)
  first = np.asarray(run()(jnp.arange(8), key, mask))
  again = np.asarray(run()(jnp.arange(8)[::-1], key, mask))
  np.testing.assert_array_equal(first, again[::-1])
  assert (first[0] != first[1]).any()
  assert (
    np.asarray(run()(jnp.arange(8), jax.random.key(1), mask)) != first
  ).any()


def test_nothing_is_hidden_outside_of_training():
  x = jnp.ones((2, 4, 3))
  new = SpecAugment().apply({}, x, jnp.ones((2, 4), bool))
  np.testing.assert_array_equal(new, x)


@pytest.mark.slow
@pytest.mark.parametrize(
  'encoder',
  [
    AudioSpectrogramTransformer(width=8, depth=1, heads=2),
    AudioConvNet(widths=(8,)),
    SpeechTransformer(width=8, depth=1, heads=2),
  ],
  ids=lambda e: type(e).__name__,
)
def test_encoders_hide_in_training_alone(rng, random_params, encoder):
  audio = jnp.asarray(rng.normal(size=(1, 3200)), jnp.float32)
  mask = jnp.ones(audio.shape, bool)
  params = {'params': random_params(encoder, audio, mask)}
  plain = encoder.apply(params, audio, mask)
  hiding = encoder.copy(augment=SpecAugment())
  same = hiding.apply(params, audio, mask)
  np.testing.assert_array_equal(same.x, plain.x)
  rngs = {'masking': jax.random.key(1)}
  other = hiding.apply(params, audio, mask, train=True, rngs=rngs)
  assert (other.x != plain.x).any()
  np.testing.assert_array_equal(other.mask, plain.mask)


def test_wrong_fields_are_named():
  with pytest.raises(ValueError, match='bands -1 is negative'):
    SpecAugment(bands=-1)
  with pytest.raises(ValueError, match='most 2'):
    SpecAugment(most=2.0)
