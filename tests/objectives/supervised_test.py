import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sklearn.metrics

from mmjax.objectives.supervised import Classification


def _batch(**more):
  return {
    'mask': {'audio': jnp.array([True, True, False, True])},
    'weight': jnp.array([1.0, 0.0, 2.0, 1.0]),
    **more,
  }


def test_softmax_is_sklearns_log_loss_over_what_is_known(rng):
  logits = rng.normal(size=(4, 3)).astype(np.float32)
  label = np.array([2, 0, 1, -1], np.int32)
  term = Classification()(
    {'logits': {'label': jnp.asarray(logits)}},
    _batch(label=jnp.asarray(label)),
  )['label']
  np.testing.assert_array_equal(term.weight, [1, 0, 2, 0])
  want = sklearn.metrics.log_loss(
    label[:3],
    scipy.special.softmax(logits[:3].astype(np.float64), axis=1),
    sample_weight=[1, 0, 2],
    labels=[0, 1, 2],
  )
  total = (term.loss * term.weight).sum() / term.weight.sum()
  np.testing.assert_allclose(total, want, rtol=1e-5)


def test_label_smoothing_is_a_mixture_with_the_uniform_target(rng):
  logits = jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)
  batch = _batch(label=jnp.array([0, 1, 2, 0]))
  outputs = {'logits': {'label': logits}}
  smooth = Classification(label_smoothing=0.3)(outputs, batch)['label'].loss
  sharp = Classification()(outputs, batch)['label'].loss
  uniform = -np.log(scipy.special.softmax(logits, axis=1)).mean(axis=1)
  np.testing.assert_allclose(smooth, 0.7 * sharp + 0.3 * uniform, rtol=1e-5)


@pytest.mark.parametrize('smooth', [0.0, 0.2])
def test_sigmoid_decides_each_class_alone(rng, smooth):
  logits = rng.normal(size=(4, 3)).astype(np.float32)
  target = np.array([[1, 0, 1], [0, 0, 0], [1, -1, 0], [-1, -1, -1]])
  term = Classification(kind='sigmoid', label_smoothing=smooth)(
    {'logits': {'label': jnp.asarray(logits)}},
    _batch(label=jnp.asarray(target)),
  )['label']
  p = scipy.special.expit(logits.astype(np.float64))
  soft = target * (1 - smooth) + smooth / 2
  each = -(soft * np.log(p) + (1 - soft) * np.log(1 - p))
  want = np.where(target >= 0, each, 0).sum(axis=1)
  np.testing.assert_allclose(term.loss, want, rtol=1e-5)
  np.testing.assert_array_equal(term.weight, [1, 0, 2, 0])


def test_binary_targets_need_no_axis_of_their_own(rng):
  logits = jnp.asarray(rng.normal(size=(4, 1)), jnp.float32)
  outputs = {'logits': {'label': logits}}
  flat = Classification(kind='sigmoid')(
    outputs, _batch(label=jnp.array([1, 0, 1, 0]))
  )
  deep = Classification(kind='sigmoid')(
    outputs, _batch(label=jnp.array([[1], [0], [1], [0]]))
  )
  np.testing.assert_array_equal(flat['label'].loss, deep['label'].loss)


def test_examples_without_the_needed_modality_do_not_count(rng):
  outputs = {'logits': {'label': jnp.zeros((4, 3))}}
  batch = _batch(label=jnp.array([0, 1, 2, 0]))
  term = Classification(needs=('audio',))(outputs, batch)['label']
  np.testing.assert_array_equal(term.weight, [1, 0, 0, 1])
  with pytest.raises(ValueError, match="no head 'colour', the model has"):
    Classification(head='colour')(outputs, batch)
