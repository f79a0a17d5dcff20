"""From a model's outputs to named numbers and figures."""

from mmjax.evaluators.classification import Classification
from mmjax.evaluators.multi_label import MultiLabel
from mmjax.evaluators.ordinal import Ordinal
from mmjax.evaluators.regression import Regression
from mmjax.evaluators.retrieval import Retrieval

__all__ = [
  'Classification',
  'MultiLabel',
  'Ordinal',
  'Regression',
  'Retrieval',
]
