"""Several data sets as one."""

import jax
import numpy as np
import pytest

from mmjax.data import Balance, Dataset, eval_batches, train_batches
from mmjax.data.sources import Mixture, Records
from mmjax.types import InputError
from tests.data.sources import same_data

LINES = [
  *[('zoo', 'train'), ('food', 'train')] * 8,
  *[('zoo', 'test'), ('food', 'val')] * 2,
]
SMALL = {'image_size': 8, 'text_length': 16, 'audio_seconds': 0.02}


@pytest.fixture(scope='module')
def parts(tmp_path_factory):
  base = tmp_path_factory.mktemp('parts')
  found = same_data.stamps(40)
  root = same_data.write_csv(base / 'a', found)
  file = base / 'b.jsonl'
  file.write_text(
    '\n'.join(
      f'{{"text": "t{i}", "label": "{label}", "split": "{split}"}}'
      for i, (label, split) in enumerate(LINES)
    )
  )
  return {
    'pictures': Records(root=str(root), modalities=('image',), **SMALL),
    'words': Records(root=str(file), modalities=('text',), **SMALL),
  }


def test_what_a_part_lacks_is_masked_and_classes_are_shared(parts):
  mixture = Mixture(parts=parts)
  assert isinstance(mixture, Dataset)
  mixture.check()
  assert mixture.classes == {'label': ('animals', 'food', 'space', 'zoo')}
  with eval_batches(mixture, 'test', batch_size=4) as batches:
    rows = jax.tree.map(lambda *x: np.concatenate(x), *batches)
  first = len(parts['pictures'].source('test'))
  count = first + 2
  assert rows['weight'].sum() == count
  assert not rows['mask']['text'][:first].any()
  assert not rows['mask']['image'][first:].any()
  assert rows['mask']['text'][first:count].any(axis=1).all()
  # zoo, food
  assert rows['label'][first:count].tolist() == [3, 3]


def test_parts_are_drawn_as_often_as_their_weights_say(parts):
  mixture = Mixture(parts=parts, weights={'words': 3.0})
  pictures = len(parts['pictures'].source('train'))
  drawn = []
  with train_batches(mixture, batch_size=16, seed=0) as batches:
    for _ in range(10):
      drawn += next(batches)['index'].tolist()
  words = [row for row in drawn if row >= pictures]
  assert len(words) == 120
  # Each of them is met before any is met again.
  assert sorted(words[:16]) == list(range(pictures, pictures + 16))
  assert words[:16] != words[16:32]
  with train_batches(mixture, batch_size=16, seed=0, start_step=7) as batches:
    assert next(batches)['index'].tolist() == drawn[7 * 16 : 8 * 16]


def test_what_does_not_go_together_is_an_error(parts):
  with pytest.raises(InputError, match=r'weights\.word is none of the parts p'):
    Mixture(parts=parts, weights={'word': 1.0})
  with pytest.raises(InputError, match=r'weights\.words 0.0 is not positive'):
    Mixture(parts=parts, weights={'words': 0.0})
  larger = Records(
    root=parts['pictures'].root, modalities=('image',), image_size=16
  )
  with pytest.raises(InputError, match=r'image is \(16, 16, 3\) in b, \(8, 8'):
    Mixture(parts={'a': parts['pictures'], 'b': larger}).check()
  with pytest.raises(InputError, match='a mixture has weights of its own'):
    train_batches(
      Mixture(parts=parts), batch_size=2, seed=0, balance=Balance(key='label')
    )
