"""What every encoder promises: nothing under a mask can change anything."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.convolutional import ConvolutionalEncoder
from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.layers.embed import NgramEmbedding
from mmjax.layers.pooling import (
  AttentionPool,
  FirstToken,
  LastToken,
  MeanPool,
)
from mmjax.layers.spectrogram import LogMel

SMALL = {'width': 16, 'depth': 1, 'heads': 2}
POISON = {'float': [0.0, 1e4, np.nan], 'int': [0, 7, 10**6]}


def _image(rng):
  image = rng.random((4, 8, 8, 3)).astype(np.float32)
  return ViT(patch_size=4, class_token=True, **SMALL), image, [1, 0, 1, 0]


def _convolutional_image(rng):
  _, image, lengths = _image(rng)
  encoder = ConvolutionalEncoder(
    widths=(8, 16), patch_size=2, groups=4, color_bins=2
  )
  return encoder, image, lengths


def _text(rng):
  text = rng.integers(4, 260, size=(4, 9)).astype(np.int32)
  embed = NgramEmbedding(buckets=64)
  return TextTransformer(embed=embed, **SMALL), text, [9, 0, 3, 1]


def _causal_text(rng):
  _, text, lengths = _text(rng)
  encoder = TextTransformer(
    causal=True, scan=True, remat='projections', **SMALL
  )
  return encoder, text, lengths


def _audio(rng):
  audio = rng.normal(size=(4, 2_000)).astype(np.float32)
  encoder = AudioSpectrogramTransformer(
    spectrogram=LogMel(n_fft=256, hop=80, mels=16),
    patch_size=(4, 8),
    **SMALL,
  )
  return encoder, audio, [2_000, 0, 777, 1]


CASES = [_image, _convolutional_image, _text, _causal_text, _audio]


def _mask(array, lengths):
  lengths = np.asarray(lengths)
  if array.ndim == 4:
    return lengths > 0
  return np.arange(array.shape[1])[None] < lengths[:, None]


def _fill(array, mask, value):
  mask = mask.reshape(mask.shape + (1,) * (array.ndim - mask.ndim))
  return jnp.asarray(np.where(mask, array, value).astype(array.dtype))


POOLS = [FirstToken(), LastToken(), MeanPool(), AttentionPool(heads=2)]


def _pool_variables(random_params, pool, tokens):
  if not isinstance(pool, AttentionPool):
    return {}
  return {'params': random_params(pool, tokens)}


def _make_run(encoder, params, pools, integers):
  """Real tokens and pooled features, and the gradients of both."""

  def f(params, array, mask):
    tokens = encoder.apply({'params': params}, array, mask)
    real = jnp.where(tokens.mask[..., None], tokens.x, 0.0)
    here = tokens.mask.any(axis=1)[:, None]
    pooled = [
      jnp.where(here, pool.apply(pool_variables, tokens), 0.0)
      for pool, pool_variables in zip(POOLS, pools, strict=True)
    ]
    total = (real**2).sum() + sum((x**3).sum() for x in pooled)
    return total, (real, tokens.mask, pooled)

  argnums = 0 if integers else (0, 1)
  run = jax.jit(jax.value_and_grad(f, argnums, has_aux=True))
  return lambda array, mask: run(params, array, mask)


@pytest.mark.parametrize('case', CASES)
def test_padding_changes_neither_output_nor_gradient(rng, case, random_params):
  encoder, array, lengths = case(rng)
  mask = _mask(array, lengths)
  clean = _fill(array, mask, 0)
  mask_array = jnp.asarray(mask)
  params = random_params(encoder, clean, mask_array)
  # A pool's parameters depend on the shapes of the tokens alone.
  shapes = jax.eval_shape(encoder.apply, {'params': params}, clean, mask_array)
  tokens = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
  pools = [_pool_variables(random_params, pool, tokens) for pool in POOLS]
  kind = 'int' if array.dtype.kind == 'i' else 'float'
  run = _make_run(encoder, params, pools, kind == 'int')
  want = run(clean, mask_array)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(want))
  for value in POISON[kind]:
    got = run(_fill(array, mask, value), mask_array)
    jax.tree.map(np.testing.assert_array_equal, got, want)
  present = np.asarray(want[0][1][1]).any(axis=1)
  np.testing.assert_array_equal(present, np.asarray(lengths) > 0)


@pytest.mark.parametrize('case', CASES)
def test_an_example_encodes_the_same_alone_and_in_any_batch(
  rng, case, random_params
):
  encoder, array, lengths = case(rng)
  mask = jnp.asarray(_mask(array, lengths))
  array = jnp.asarray(array)
  variables = {'params': random_params(encoder, array, mask)}
  apply = jax.jit(encoder.apply)
  whole = apply(variables, array, mask)
  for row in (0, 2):
    alone = apply(variables, array[row][None], mask[row][None])
    np.testing.assert_array_equal(alone.mask[0], whole.mask[row])
    real = np.asarray(alone.mask[0])
    np.testing.assert_allclose(alone.x[0][real], whole.x[row][real], atol=2e-6)
  order = np.array([2, 3, 0, 1])
  permuted = apply(variables, array[order], mask[order])
  np.testing.assert_allclose(permuted.x, whole.x[order], atol=2e-6)


def test_a_clip_encodes_the_same_in_a_longer_array(rng):
  encoder, audio, _ = _audio(rng)
  real = 777
  clip = jnp.asarray(audio[:1, :real])
  alone, variables = encoder.init_with_output(
    jax.random.key(0), clip, jnp.ones((1, real), bool)
  )
  mask = jnp.asarray(np.arange(audio.shape[1])[None] < real)
  padded = encoder.apply(variables, jnp.asarray(audio[:1]), mask)
  n = alone.x.shape[1]
  np.testing.assert_allclose(padded.x[:, :n], alone.x, atol=1e-5)
  np.testing.assert_array_equal(padded.mask[:, :n], alone.mask)
  assert not np.asarray(padded.mask[:, n:]).any()
