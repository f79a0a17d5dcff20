import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from mmjax.objectives.segmentation import Segmentation

OBJECTIVE = Segmentation(needs=('image',))


def _batch(target, weight=(1.0, 2.0, 1.0)):
  return {
    'mask': {'image': jnp.array([True, True, False])},
    'weight': jnp.asarray(weight),
    'segments': jnp.asarray(target),
  }


def test_the_mean_over_known_pixels(rng):
  logits = rng.normal(size=(3, 4, 5, 6)).astype(np.float32)
  target = rng.integers(-1, 6, (3, 4, 5))
  outputs = {'logits': {'segments': jnp.asarray(logits)}}
  term = jax.jit(OBJECTIVE)(outputs, _batch(target))['segments']
  log_p = scipy.special.log_softmax(logits.astype(float), axis=-1)
  for i in range(3):
    own = [
      -log_p[i, y, x, target[i, y, x]] for y, x in np.argwhere(target[i] >= 0)
    ]
    assert float(term.loss[i]) == pytest.approx(np.mean(own), rel=1e-5)
  np.testing.assert_array_equal(term.weight, [1, 2, 0])


def test_what_is_unknown_moves_nothing(rng):
  logits = jnp.asarray(rng.normal(size=(3, 2, 2, 3)), jnp.float32)
  target = np.array([[[0, -1], [2, 1]], [[-1, -1]] * 2, [[0, 0]] * 2])

  def loss(logits):
    outputs = {'logits': {'segments': logits}}
    term = OBJECTIVE(outputs, _batch(target))['segments']
    return (term.loss * term.weight).sum(), term

  slope, term = jax.grad(loss, has_aux=True)(logits)
  np.testing.assert_array_equal(term.weight, [1, 0, 0])
  moved = np.abs(slope).max(axis=-1) > 0
  np.testing.assert_array_equal(moved[0], target[0] >= 0)
  assert not moved[1:].any()


def test_a_target_of_another_size():
  outputs = {'logits': {'segments': jnp.zeros((3, 2, 2, 3))}}
  with pytest.raises(ValueError, match=r'\(2, 2\) places, target .* \(4, 4\)'):
    OBJECTIVE(outputs, _batch(np.zeros((3, 4, 4), int)))
