import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from mmjax.objectives.masked_modelling import MaskedPatches, MaskedText


def _masked(rng, *shape):
  hidden = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], np.float32)
  prediction = rng.normal(size=(4, 3, *shape)).astype(np.float32)
  batch = {'weight': jnp.array([1.0, 1.0, 0.0, 2.0]), 'mask': {}}
  return prediction, hidden, batch


def _mean(term):
  return float((term.loss * term.weight).sum() / term.weight.sum())


@pytest.mark.parametrize('normalize', [False, True])
@pytest.mark.parametrize('kind', ['l1', 'l2'])
def test_patches_average_over_all_that_is_hidden(rng, kind, normalize):
  prediction, hidden, batch = _masked(rng, 5)
  target = rng.normal(size=prediction.shape).astype(np.float32) * 3 + 1
  masked = {'prediction': prediction, 'weight': hidden, 'target': target}
  term = jax.jit(MaskedPatches(kind=kind, normalize=normalize))(
    {'masked': {'image': {k: jnp.asarray(v) for k, v in masked.items()}}}, batch
  )['image']
  if normalize:
    center = target - target.mean(axis=2, keepdims=True)
    target = center / np.sqrt(center.var(axis=2, keepdims=True) + 1e-6)
  error = prediction - target
  error = (np.abs(error) if kind == 'l1' else error**2).mean(axis=2)
  # A patch weighs as much as its example: two, none, none (0), and twice one.
  want = (error[0, 0] + error[0, 2] + 2 * error[3, 1]) / 4
  np.testing.assert_allclose(_mean(term), want, rtol=1e-5)
  np.testing.assert_array_equal(term.weight, [2, 0, 0, 2])
  assert np.isfinite(term.loss).all()


def test_text_is_cross_entropy_where_it_is_hidden(rng):
  logits, hidden, batch = _masked(rng, 7)
  text = rng.integers(0, 7, (4, 3))
  # Whatever stands under a mask is never hidden, and never looked up.
  text[1], text[3, 0] = 10**6, -5
  masked = {'prediction': jnp.asarray(logits), 'weight': jnp.asarray(hidden)}
  term = jax.jit(MaskedText())(
    {'masked': {'text': masked}}, batch | {'text': jnp.asarray(text)}
  )['text']
  log_p = scipy.special.log_softmax(logits.astype(np.float64), axis=2)
  want = -(
    log_p[0, 0, text[0, 0]]
    + log_p[0, 2, text[0, 2]]
    + 2 * log_p[3, 1, text[3, 1]]
  )
  np.testing.assert_allclose(_mean(term), want / 4, rtol=1e-5)
  assert np.isfinite(term.loss).all()


def test_what_is_not_hidden_is_named():
  outputs = {'masked': {'image': {}}}
  with pytest.raises(ValueError, match=r"nothing of 'audio', only of \['image"):
    MaskedPatches(modality='audio')(outputs, {})
  with pytest.raises(ValueError, match=r"nothing of 'text', only of \[\]"):
    MaskedText()({}, {})
