import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.models.detection_heads import BoxHead, ThingHead
from mmjax.types import Tokens


def test_at_first_each_box_stands_at_its_token():
  tokens = Tokens(jnp.zeros((1, 6, 8)), jnp.ones((1, 6), bool))
  head = BoxHead(columns=3)
  boxes, _ = head.init_with_output(jax.random.key(0), tokens)
  middle = np.asarray(boxes[0, :, :2] + boxes[0, :, 2:]) / 2
  x, y = np.meshgrid([1 / 6, 3 / 6, 5 / 6], [1 / 4, 3 / 4])
  np.testing.assert_allclose(
    middle, np.stack([x, y], -1).reshape(6, 2), rtol=1e-5
  )
  size = boxes[0, :, 2:] - boxes[0, :, :2]
  np.testing.assert_allclose(size, 1 / 3, atol=0.01)
  with pytest.raises(ValueError, match='6 tokens are no grid of a square'):
    BoxHead().init(jax.random.key(0), tokens)


def test_at_first_nothing_is_likely():
  tokens = Tokens(jnp.zeros((1, 4, 8)), jnp.ones((1, 4), bool))
  head = ThingHead(classes=3, prior=0.02)
  logits, _ = head.init_with_output(jax.random.key(0), tokens)
  np.testing.assert_allclose(jax.nn.sigmoid(logits), 0.02, rtol=1e-5)
