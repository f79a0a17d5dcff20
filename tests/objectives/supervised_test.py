import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sklearn.metrics
import sklearn.utils.class_weight

from mmjax.objectives.supervised import Classification, balanced_weights


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


def test_a_mixed_target_costs_the_mixture_of_both_losses(rng):
  logits = jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)
  outputs = {'logits': {'label': logits}}
  share = np.array([0.7, 1.0, 0.0, 0.25], np.float32)[:, None]
  a, b = np.eye(3)[[0, 1, 2, 0]], np.eye(3)[[2, 0, 1, 0]]
  mixed = (share * a + (1 - share) * b).astype(np.float32)
  mixed[1] = -1  # unknown
  objective = Classification(class_weights=(1.0, 2.0, 4.0))
  term = objective(outputs, _batch(label=jnp.asarray(mixed)))['label']
  each = [
    objective(outputs, _batch(label=jnp.asarray(x.argmax(axis=1))))['label']
    for x in (a, b)
  ]
  share = share[:, 0]
  want = share * each[0].loss + (1 - share) * each[1].loss
  known = np.array([0, 2, 3])
  np.testing.assert_allclose(term.loss[known], want[known], rtol=1e-5)
  want = share * each[0].weight + (1 - share) * each[1].weight
  want = np.where(np.arange(4) == 1, 0, want)
  np.testing.assert_allclose(term.weight, want, rtol=1e-6)


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


def test_class_weights_are_sklearns_sample_weights(rng):
  logits = rng.normal(size=(4, 3)).astype(np.float32)
  label = np.array([2, 0, 1, 2], np.int32)
  term = Classification(class_weights=(0.5, 2.0, 3.0))(
    {'logits': {'label': jnp.asarray(logits)}}, _batch(label=jnp.asarray(label))
  )['label']
  want = sklearn.metrics.log_loss(
    label,
    scipy.special.softmax(logits.astype(np.float64), axis=1),
    sample_weight=np.array([1, 0, 2, 1]) * np.array([3.0, 0.5, 2.0, 3.0]),
    labels=[0, 1, 2],
  )
  total = (term.loss * term.weight).sum() / term.weight.sum()
  np.testing.assert_allclose(total, want, rtol=1e-5)


def test_balanced_weights_are_sklearns():
  labels = np.repeat([0, 1, 2], [7, 1, 4])
  want = sklearn.utils.class_weight.compute_class_weight(
    'balanced', classes=np.arange(3), y=labels
  )
  np.testing.assert_allclose(balanced_weights(np.bincount(labels)), want)
  with pytest.raises(ValueError, match=r'counts \(3, 0\): each class needs an'):
    balanced_weights([3, 0])


@pytest.mark.parametrize('kind', ['softmax', 'sigmoid'])
def test_focal_loss_is_its_formula(rng, kind):
  logits = rng.normal(size=(4, 3)).astype(np.float32) * 3
  x = logits.astype(np.float64)
  if kind == 'softmax':
    target = np.array([2, 0, 1, 1])
    p = scipy.special.softmax(x, axis=1)[np.arange(4), target]
    want = -((1 - p) ** 2) * np.log(p)
  else:
    target = np.array([[1, 0, 1], [0, 0, 0], [1, -1, 0], [1, 1, 1]])
    q = scipy.special.expit(x)
    p = np.where(target == 1, q, 1 - q)
    positive = np.where(target == 1, [0.5, 2.0, 3.0], 1.0)
    each = -positive * (1 - p) ** 2 * np.log(p)
    want = np.where(target >= 0, each, 0).sum(axis=1)
  objective = Classification(
    kind=kind,
    focusing=2.0,
    class_weights=(0.5, 2.0, 3.0) if kind == 'sigmoid' else (),
  )
  term = objective(
    {'logits': {'label': jnp.asarray(logits)}},
    _batch(label=jnp.asarray(target)),
  )['label']
  np.testing.assert_allclose(term.loss, want, rtol=1e-5)


@pytest.mark.parametrize('focusing', [0.5, 2.0])
def test_focal_loss_has_a_slope_where_the_model_is_sure(focusing):
  batch = _batch(label=jnp.array([0, 0, 1, 1]))

  def loss(logits):
    outputs = {'logits': {'label': logits}}
    return Classification(focusing=focusing)(outputs, batch)['label'].loss.sum()

  logits = jnp.tile(jnp.array([[200.0, -200.0]]), (4, 1))
  value, slope = jax.jit(jax.value_and_grad(loss))(logits)
  np.testing.assert_allclose(value, 800)
  np.testing.assert_array_equal(slope[:2], 0)
  np.testing.assert_allclose(slope[2:], [[1, -1]] * 2)


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'focusing': -1.0}, 'focusing -1.0 is negative'),
    ({'label_smoothing': 1.5}, r'label_smoothing 1.5 not in \[0, 1\]'),
    ({'class_weights': (1.0, -2.0)}, 'has a negative one'),
  ],
)
def test_bad_fields_are_named(fields, message):
  with pytest.raises(ValueError, match=message):
    Classification(**fields)


def test_class_weights_need_one_for_each_class():
  with pytest.raises(ValueError, match='2 class_weights for the 3 classes of'):
    Classification(class_weights=(1.0, 2.0))(
      {'logits': {'label': jnp.zeros((4, 3))}},
      _batch(label=jnp.array([0, 1, 2, 0])),
    )
