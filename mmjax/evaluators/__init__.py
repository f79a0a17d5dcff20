"""From a model's outputs to named numbers and figures."""

from mmjax.evaluators.classification import Classification
from mmjax.evaluators.corruptions import PixelNoise, SignalNoise, TokenNoise
from mmjax.evaluators.retrieval import Retrieval
from mmjax.evaluators.robustness import Robustness

__all__ = [
  'Classification',
  'PixelNoise',
  'Retrieval',
  'Robustness',
  'SignalNoise',
  'TokenNoise',
]
