import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.unet import UNet
from mmjax.models.pixel_head import PixelHead
from mmjax.types import Tokens

ENCODER = UNet(widths=(8, 16, 16), patch_size=2, groups=4)


def test_tokens_have_the_grid_of_the_stage_they_end_at(rng, random_params):
  # Sides that are rounded up at each stage.
  image = jnp.asarray(rng.random((1, 14, 18, 3)), jnp.float32)
  there = jnp.ones(1, bool)
  for up_to, width in ((0, 8), (1, 16), (2, 16)):
    encoder = ENCODER.clone(up_to=up_to)
    params = random_params(encoder, image, there)
    tokens = encoder.apply({'params': params}, image, there)
    h, w = encoder.grid(14, 18)
    assert (h, w) == [(7, 9), (4, 5), (2, 3)][up_to]
    assert tokens.x.shape == (1, h * w, width)


def test_a_token_sees_what_is_near_most(rng, random_params):
  image = jnp.asarray(rng.random((1, 32, 32, 3)), jnp.float32)
  there = jnp.ones(1, bool)
  params = {'params': random_params(ENCODER, image, there)}
  changed = image.at[:, 30:, 30:].set(0)
  before, after = (ENCODER.apply(params, x, there).x for x in (image, changed))
  moved = np.abs(after - before).max(axis=-1).reshape(16, 16)
  # The token of the pixels that changed moves most; one far away a little.
  assert moved[15, 15] == moved.max()
  assert 0 < moved[0, 0] < moved[15, 15] / 10


def test_fields_of_unet():
  with pytest.raises(ValueError, match='up_to 3 is none of the 3 stages'):
    ENCODER.clone(up_to=3)
  with pytest.raises(ValueError, match='width 12 is not divisible by groups 8'):
    UNet(widths=(12,))


def test_pixels_stand_where_their_token_does(random_params):
  # Each token says its number: so must all pixels of its patch.
  numbers = jnp.arange(6.0)[None, :, None]
  tokens = Tokens(numbers, jnp.ones((1, 6), bool))
  head = PixelHead(classes=1, patch_size=2, columns=3)
  params = random_params(head, tokens)
  params['logits']['kernel'] = jnp.ones((1, 4))
  params['logits']['bias'] = jnp.array([0.0, 0.1, 0.2, 0.3])
  found = np.asarray(head.apply({'params': params}, tokens))[0, ..., 0]
  want = np.kron(np.arange(6.0).reshape(2, 3), np.ones((2, 2)))
  want += np.tile([[0.0, 0.1], [0.2, 0.3]], (2, 3))
  np.testing.assert_allclose(found, want, rtol=1e-6)
  with pytest.raises(ValueError, match='6 tokens are no grid of a square'):
    head.clone(columns=0).apply({'params': params}, tokens)
  with pytest.raises(ValueError, match='6 tokens are no grid of 4 columns'):
    head.clone(columns=4).apply({'params': params}, tokens)
