"""Generated data: the same whenever it is met, of the sizes that were asked."""

import jax
import numpy as np
import pytest

from mmjax.data import pipeline
from mmjax.data.datasets.generated import MODALITIES, Generated

SMALL = Generated(
  image_size=4, text_length=5, vocabulary=9, audio_seconds=0.01, examples=6
)


def first(data, split='train'):
  return next(iter(pipeline.eval_batches(data, split, batch_size=4)))


def test_batches_have_the_sizes_of_the_fields():
  batch = first(SMALL)
  assert batch['image'].shape == (4, 4, 4, 3)
  assert batch['text'].shape == (4, 5)
  assert batch['audio'].shape == (4, 160)
  assert batch['image'].dtype == np.uint8
  assert batch['text'].min() >= 1
  assert batch['text'].max() < 9
  assert all(mask.all() for mask in batch['mask'].values())
  only = Generated(modalities=('text',))
  assert sorted(first(only)['mask']) == ['text']


def test_every_modality_has_its_shape_and_its_tree_of_masks():
  data = Generated(
    modalities=MODALITIES,
    image_size=4,
    text_length=5,
    audio_seconds=0.01,
    video_frames=3,
    sensor_shape=(7, 2),
    numeric_columns=3,
    categorical_columns=(2, 9),
    labels=2,
    examples=5,
  )
  shapes = jax.tree.map(np.shape, first(data))
  assert shapes['video'] == (4, 3, 4, 4, 3)
  assert shapes['mask']['video'] == (4, 3)
  assert shapes['sensor'] == (4, 7, 2)
  assert shapes['mask']['sensor'] == (4, 7)
  assert shapes['tabular'] == {'numeric': (4, 3), 'categorical': (4, 2)}
  assert shapes['mask']['tabular'] == shapes['tabular']
  *_, last = pipeline.eval_batches(data, 'train', batch_size=4)
  assert last['weight'].tolist() == [1, 0, 0, 0]
  for leaf in jax.tree.leaves(last['mask']):
    assert leaf[0].all()
    assert not leaf[1:].any()
  values = np.stack(
    [data.prepare(e, None)['tabular']['categorical']
     for e in data.source('test')]
  )  # fmt: skip
  assert (values >= 0).all()
  assert (values < [2, 9]).all()


def test_labels_are_random_and_named():
  data = Generated(modalities=('sensor',), labels=3, examples=60)
  labels = [int(data.prepare(e, None)['label']) for e in data.source('test')]
  assert set(labels) == {0, 1, 2}
  assert data.classes == {'label': ('0', '1', '2')}
  assert 'label' not in first(SMALL)
  assert SMALL.classes == {}


def test_an_array_does_not_depend_on_what_else_there_is():
  alone = Generated(modalities=('sensor',), examples=6)
  beside = Generated(modalities=('tabular', 'sensor'), labels=2, examples=6)
  np.testing.assert_array_equal(first(alone)['sensor'], first(beside)['sensor'])


def test_examples_differ_but_never_change():
  one, again = first(SMALL), first(SMALL)
  for name in ('image', 'text', 'audio'):
    np.testing.assert_array_equal(one[name], again[name])
    assert not np.array_equal(one[name][0], one[name][1])
  other = first(SMALL, 'test')
  assert not np.array_equal(one['image'], other['image'])


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'modalities': ('image', 'audoi')}, "no generated modality 'audoi', per"),
    ({'text_length': 0}, 'text_length 0 is not positive'),
    ({'vocabulary': 1}, 'vocabulary 1 is below 2'),
    ({'sensor_shape': (5, 0)}, r'sensor_shape \(5, 0\) is not positive'),
    ({'labels': -1}, 'labels -1 is negative'),
  ],
)
def test_bad_fields_are_named(fields, message):
  with pytest.raises(ValueError, match=message):
    Generated(**fields)
