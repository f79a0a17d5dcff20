import numpy as np
import pytest

from mmjax.data.tokenizers import ByteTokenizer
from mmjax.evaluators.commonest import Commonest
from mmjax.types import InputError

TOKENIZER = ByteTokenizer(length=16)
ASKED = [
  ('color', 'red'), ('color', 'blue'), ('shape', 'round'), ('shape', 'square'),
]  # fmt: skip


class Data:
  def answers(self, split):
    assert split == 'train'
    return [('color', 'red')] * 2 + [('color', 'blue')] * 3 + [
      ('shape', 'square'), ('shape', 'round'),
    ]  # fmt: skip


def batches(asked):
  ids, masks = zip(*(TOKENIZER(text) for _, text in asked), strict=True)
  answer = np.stack(masks)
  answer[:, 0] = False
  kinds = ['color', 'shape']
  return lambda view: [
    {
      'text': np.stack(ids),
      'answer': answer,
      'kind': np.array([kinds.index(kind) for kind, _ in asked]),
      # The last row is filling.
      'weight': np.arange(len(asked)) < len(asked) - 1,
      'mask': {'text': np.stack(masks)},
    }
  ]


def test_each_kind_has_the_commonest_answer_of_training():
  evaluator = Commonest(data=Data(), tokenizer=TOKENIZER)
  classes = {'kind': ['color', 'shape']}
  found = evaluator(dict, batches(ASKED), classes).numbers
  # Blue; and of two equally common shapes the first by the alphabet.
  assert found['commonest/color/exact_match'] == 0.5
  assert found['commonest/shape/exact_match'] == 1.0
  assert found['commonest/exact_match'] == pytest.approx(2 / 3)
  with pytest.raises(InputError, match='nothing to score'):
    evaluator(dict, batches(ASKED[:1]), classes)
