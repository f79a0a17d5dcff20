"""Generated data: the same whenever it is met, of the sizes that were asked."""

import numpy as np
import pytest

from mmjax.data import pipeline
from mmjax.data.datasets.generated import Generated

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
  ],
)
def test_bad_fields_are_named(fields, message):
  with pytest.raises(ValueError, match=message):
    Generated(**fields)
