"""From a model's outputs to named numbers and figures."""

from mmjax.evaluators.binary import Binary
from mmjax.evaluators.classification import Classification
from mmjax.evaluators.corruptions import PixelNoise, SignalNoise, TokenNoise
from mmjax.evaluators.multi_label import MultiLabel
from mmjax.evaluators.ordinal import Ordinal
from mmjax.evaluators.regression import Regression
from mmjax.evaluators.retrieval import Retrieval
from mmjax.evaluators.robustness import Robustness

__all__ = [
  'Binary',
  'Classification',
  'MultiLabel',
  'Ordinal',
  'PixelNoise',
  'Regression',
  'Retrieval',
  'Robustness',
  'SignalNoise',
  'TokenNoise',
]
