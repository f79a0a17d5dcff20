"""Which token is meant: never one that is masked, perhaps none."""

import jax.numpy as jnp
import numpy as np

from mmjax.models.pointing_heads import PlaceHead, WhichHead
from mmjax.types import Tokens


def test_no_masked_token_is_meant(rng):
  x = rng.normal(size=(3, 4, 5)).astype(np.float32)
  mask = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0] * 4], bool)
  kernel = rng.normal(size=(5, 1)).astype(np.float32)
  params = {'token': {'kernel': kernel}, 'none': np.full((1, 1), -3.0)}
  for poison in (0.0, np.nan):
    given = Tokens(
      jnp.asarray(np.where(mask[..., None], x, poison)), jnp.asarray(mask)
    )
    logits = np.asarray(WhichHead().apply({'params': params}, given))
    assert logits.shape == (3, 5)
    np.testing.assert_allclose(
      logits[:, :4][mask], (x @ kernel)[..., 0][mask], rtol=1e-5
    )
    assert (logits[:, :4][~mask] < -1e8).all()
    # None of them, where there is no picture.
    assert logits[2].argmax() == 4
    np.testing.assert_array_equal(logits[:, 4], -3)


def test_places_are_in_metres(rng):
  x = rng.normal(size=(2, 4, 5)).astype(np.float32)
  tokens = Tokens(jnp.asarray(x), jnp.ones((2, 4), bool))
  found = PlaceHead(scale=7.0).apply({}, tokens)
  np.testing.assert_allclose(found, 7 * x[..., :2], rtol=1e-6)
