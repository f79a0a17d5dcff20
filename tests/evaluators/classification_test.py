import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special
from sklearn import metrics as sklearn_metrics

from mmjax.evaluators import Classification
from mmjax.types import InputError

CLASSES = {'label': tuple('abcd')}


def _data(rng, rows=23, size=8, classes=4):
  """Logits and batches; the last batch is filled up with NaN rows."""
  padded = -(-rows // size) * size
  logits = rng.normal(size=(padded, classes)).astype(np.float32)
  logits[rows:] = np.nan
  data = {
    'logits_are': logits,
    'label': rng.integers(0, classes, padded).astype(np.int32),
    'weight': (np.arange(padded) < rows).astype(np.float32),
    'group': rng.integers(0, 6, padded).astype(np.int32),
  }
  mask = {'image': np.ones(padded, bool), 'text': np.ones((padded, 3), bool)}

  def batches(view):
    assert view == 'default'
    for i in range(0, padded, size):
      part = {k: v[i : i + size] for k, v in data.items()}
      yield part | {'mask': {k: v[i : i + size] for k, v in mask.items()}}

  return data, batches


def _given(batch):
  return {'logits': {'label': batch['logits_are']}}


def test_accuracy_and_loss_are_those_of_sklearn_without_the_filling(rng):
  data, batches = _data(rng)
  got = Classification()(_given, batches, CLASSES).numbers
  probs = special.softmax(data['logits_are'][:23].astype(float), axis=1)
  label = data['label'][:23]
  assert got['fused/accuracy'] == sklearn_metrics.accuracy_score(
    label, probs.argmax(axis=1)
  )
  assert got['fused/loss'] == pytest.approx(
    sklearn_metrics.log_loss(label, probs, labels=range(4))
  )
  assert set(got) == {
    'fused/accuracy',
    'fused/accuracy_low',
    'fused/accuracy_high',
    'fused/loss',
  }
  low, high = got['fused/accuracy_low'], got['fused/accuracy_high']
  assert 0 <= low < got['fused/accuracy'] < high <= 1


def test_unknown_targets_are_not_counted(rng):
  data, batches = _data(rng)
  data['label'][:20] = -1
  got = Classification()(_given, batches, CLASSES).numbers
  want = data['logits_are'][20:23].argmax(axis=1) == data['label'][20:23]
  assert got['fused/accuracy'] == want.mean()


def test_nothing_to_count_is_nan_and_has_no_figure(rng):
  data, batches = _data(rng)
  data['weight'][:] = 0
  got = Classification(modalities=('image', 'text'))(_given, batches, CLASSES)
  assert np.isnan(list(got.numbers.values())).all()
  assert got.figures == {}


def test_a_model_that_gives_nan_is_wrong(rng):
  data, batches = _data(rng)
  data['label'][:] = 0  # argmax of NaN would be class 0
  data['logits_are'][:] = np.nan
  got = Classification()(_given, batches, CLASSES).numbers
  assert got['fused/accuracy'] == 0.0
  assert np.isnan(got['fused/loss'])


def test_groups_average_log_probabilities():
  # Two votes for b, one very sure one for a: the geometric mean says a.
  probs = np.array([[0.98, 0.02], [0.3, 0.7], [0.3, 0.7], [0.4, 0.6]])
  batch = {
    'label': np.array([0, 0, 0, 1]),
    'stamp': np.array([7, 7, 7, 3]),
    'weight': np.ones(4, np.float32),
    'mask': {},
  }
  # A constant added to all logits of a row must not give it more weight.
  logits = np.log(probs) + np.array([[0.0], [100.0], [-5.0], [0.0]])
  got = Classification(group='stamp', name='fused_languages')(
    lambda _: {'logits': {'label': logits}},
    lambda _: [batch],
    {'label': ('a', 'b')},
  ).numbers
  a, b = (0.98 * 0.3 * 0.3) ** (1 / 3), (0.02 * 0.7 * 0.7) ** (1 / 3)
  assert got['fused_languages/accuracy'] == 1.0
  assert got['fused_languages/loss'] == pytest.approx(
    (-np.log(a / (a + b)) - np.log(0.6)) / 2
  )


def test_rows_of_a_group_may_stand_in_several_batches(rng):
  data, batches = _data(rng)
  data['label'][:] = data['group'] % 4
  got = Classification(group='group')(_given, batches, CLASSES).numbers
  log_probs = special.log_softmax(data['logits_are'][:23], axis=1)
  right = [
    log_probs[data['group'][:23] == g].mean(axis=0).argmax() == g % 4
    for g in np.unique(data['group'][:23])
  ]
  assert got['fused/accuracy'] == pytest.approx(np.mean(right))


def test_a_group_with_two_targets_is_an_error(rng):
  data, batches = _data(rng)
  data['group'][:] = 5
  with pytest.raises(InputError, match=r'group 5 holds targets \d and \d'):
    Classification(group='group')(_given, batches, CLASSES)


def test_subsets_are_the_same_model_with_the_others_masked(rng, tmp_path):
  """Each modality present votes with a power of ten for its own class."""
  traces = 0
  names = ('image', 'text', 'audio')

  @jax.jit
  def predict(batch):
    nonlocal traces
    traces += 1
    here = [batch['mask'][m].reshape(8, -1).any(axis=1) for m in names]
    votes = [jnp.where(h, 10.0**i, 0.0) for i, h in enumerate(here)]
    return {'logits': {'label': jnp.stack([jnp.ones(8) * 0.5, *votes], 1)}}

  # Image right in 4 rows, text in 3, audio in 1.
  batch = {
    'label': np.array([1, 1, 1, 1, 2, 2, 2, 3]),
    'weight': np.ones(8, np.float32),
    'mask': {
      'image': np.ones(8, bool),
      'text': np.ones((8, 3), bool),
      'audio': np.ones((8, 5), bool),
    },
  }
  found = Classification(modalities=names)(predict, lambda _: [batch], CLASSES)
  accuracy = {
    k.removesuffix('/accuracy'): v
    for k, v in found.numbers.items()
    if k.endswith('/accuracy')
  }
  assert accuracy == {
    'image': 4 / 8,
    'text': 3 / 8,
    'audio': 1 / 8,
    'image+text': 3 / 8,
    'image+audio': 1 / 8,
    'text+audio': 1 / 8,
    'fused': 1 / 8,
  }
  assert traces == 1, 'masking a modality must not compile another program'
  assert batch['mask']['text'].all(), 'the batch itself must not change'

  assert set(found.figures) == {'fused/confusion', 'fused/by_modality'}
  for name, draw in found.figures.items():
    path = tmp_path / f'{name.replace("/", "_")}.png'
    draw(path)
    assert path.read_bytes().startswith(b'\x89PNG')


def test_masked_batches_stay_on_their_devices():
  mesh = jax.make_mesh(
    (8,), ('data',), axis_types=(jax.sharding.AxisType.Auto,)
  )
  sharding = jax.sharding.NamedSharding(mesh, jax.P('data'))
  batch = jax.device_put(
    {
      'label': np.zeros(16, np.int32),
      'weight': np.ones(16, np.float32),
      'mask': {'image': np.ones(16, bool), 'text': np.ones((16, 2), bool)},
    },
    sharding,
  )
  logits = functools.partial(jnp.zeros, (16, 4))
  seen = []

  def predict(batch):
    seen.append(batch['mask'])
    return {'logits': {'label': logits()}}

  Classification(modalities=('image', 'text'))(
    predict, lambda _: [batch], CLASSES
  )
  assert [bool(m['image'].any()) for m in seen] == [True, False, True]
  assert all(m.sharding == sharding for mask in seen for m in mask.values())


def test_given_hides_the_other_modalities():
  def predict(batch):
    hidden = not batch['mask']['text'].any()
    here = batch['mask']['audio'].any()
    return {'logits': {'label': np.eye(4)[[3 if hidden and here else 0] * 2]}}

  batch = {
    'label': np.array([3, 3]),
    'weight': np.ones(2),
    'mask': {'audio': np.ones((2, 4), bool), 'text': np.ones((2, 4), bool)},
  }

  def accuracy(**fields):
    evaluator = Classification(name='language', **fields)
    found = evaluator(predict, lambda _: [batch], CLASSES)
    return found.numbers['language/accuracy']

  assert accuracy() == 0.0
  assert accuracy(given=('audio',)) == 1.0


def test_the_view_is_asked_for():
  asked = []
  batch = {'label': np.array([0]), 'weight': np.ones(1), 'mask': {}}

  def batches(view):
    asked.append(view)
    return [batch]

  Classification(view='languages')(
    lambda _: {'logits': {'label': np.zeros((1, 4))}}, batches, CLASSES
  )
  assert asked == ['languages']


def test_wrong_names_are_answered_with_the_near_ones(rng):
  _, batches = _data(rng)
  with pytest.raises(InputError, match=r"no head 'labels'.*mean 'label'"):
    Classification(head='labels')(_given, batches, CLASSES)
  with pytest.raises(InputError, match="no classes of target 'language'"):
    Classification(target='language')(_given, batches, CLASSES)
  with pytest.raises(InputError, match=r"no modality 'imagee'.*mean 'image'"):
    Classification(given=('imagee',))(_given, batches, CLASSES)
  with pytest.raises(InputError, match=r'has 4 classes, .* has 2'):
    Classification()(_given, batches, {'label': ('a', 'b')})
  with pytest.raises(InputError, match='names one twice'):
    Classification(modalities=('image', 'image'))
  with pytest.raises(InputError, match="hides 'text'"):
    Classification(modalities=('image', 'text'), given=('image',))


def test_a_class_without_a_name_is_an_error(rng):
  data, batches = _data(rng)
  data['label'][0] = 4
  with pytest.raises(InputError, match=r'label 4 is out of range.* 4 classes'):
    Classification()(_given, batches, CLASSES)
