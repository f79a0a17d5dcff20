"""From files to batches: data sets, tokenizers, transforms, the pipeline."""

from mmjax.data.balance import Balance
from mmjax.data.dataset import Dataset
from mmjax.data.errors import RecordError
from mmjax.data.pipeline import Batches, eval_batches, train_batches
from mmjax.data.tokenizers import ByteTokenizer

__all__ = [
  'Balance',
  'Batches',
  'ByteTokenizer',
  'Dataset',
  'RecordError',
  'eval_batches',
  'train_batches',
]
