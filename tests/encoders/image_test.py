import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.image import ViT
from mmjax.layers.embed import SinCosPositions
from mmjax.layers.pixels import IMAGENET_MEAN, IMAGENET_STD

HERE = jnp.ones((2,), bool)


def test_integers_and_floats_and_normalisation_agree(rng):
  pixels = rng.integers(0, 256, size=(2, 8, 8, 3))
  vit = ViT(patch_size=4, width=16, depth=1, heads=2)
  as_bytes = jnp.asarray(pixels, jnp.uint8)
  want, variables = vit.init_with_output(jax.random.key(0), as_bytes, HERE)
  got = vit.apply(variables, jnp.asarray(pixels / 255, jnp.float32), HERE)
  np.testing.assert_allclose(got.x, want.x, atol=1e-5)
  # Normalised outside, the same model without normalisation says the same.
  plain = ViT(
    patch_size=4, width=16, depth=1, heads=2, mean=(0.0,) * 3, std=(1.0,) * 3
  )
  outside = (pixels / 255 - IMAGENET_MEAN) / IMAGENET_STD
  got = plain.apply(variables, jnp.asarray(outside, jnp.float32), HERE)
  np.testing.assert_allclose(got.x, want.x, atol=1e-5)


def test_patches_are_the_strided_convolution(rng):
  image = jnp.asarray(rng.random((2, 8, 12, 3)), jnp.float32)
  vit = ViT(
    patch_size=4,
    width=16,
    depth=0,
    heads=2,
    positions=SinCosPositions(),
    mean=(0.0,) * 3,
    std=(1.0,) * 3,
  )
  tokens, variables = vit.init_with_output(jax.random.key(0), image, HERE)
  kernel = variables['params']['patches']['kernel'].reshape(4, 4, 3, 16)
  conv = jax.lax.conv_general_dilated(
    image, kernel, (4, 4), 'VALID', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
  ).reshape(2, 6, 16)
  x = conv + SinCosPositions()((2, 3), 16)[None]
  x = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(
    x.var(-1, keepdims=True) + 1e-6
  )
  np.testing.assert_allclose(tokens.x, x, atol=1e-4)


def test_what_does_not_fit_is_named():
  with pytest.raises(ValueError, match='width 190 is not divisible by heads 4'):
    ViT(width=190, heads=4)
  vit = ViT(patch_size=5, width=16, heads=2)
  with pytest.raises(ValueError, match='image 8x8 is not divisible by patch_s'):
    vit.init(jax.random.key(0), jnp.zeros((2, 8, 8, 3)), HERE)
  vit = ViT(patch_size=4, width=16, heads=2)
  with pytest.raises(ValueError, match='image has 1 channels, mean has 3'):
    vit.init(jax.random.key(0), jnp.zeros((2, 8, 8, 1)), HERE)
