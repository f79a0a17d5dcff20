"""From a model's outputs to named numbers and figures."""

from mmjax.evaluators.classification import Classification
from mmjax.evaluators.retrieval import Retrieval

__all__ = ['Classification', 'Retrieval']
