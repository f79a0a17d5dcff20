"""From a model's outputs to named numbers and figures."""

from mmjax.evaluators.binary import Binary
from mmjax.evaluators.classification import Classification
from mmjax.evaluators.retrieval import Retrieval

__all__ = ['Binary', 'Classification', 'Retrieval']
