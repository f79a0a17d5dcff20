"""From a model's outputs to per-example losses and their weights."""

from mmjax.objectives.contrastive import Contrastive, Sigmoid
from mmjax.objectives.regularizers import L1, L2
from mmjax.objectives.supervised import Classification

__all__ = ['L1', 'L2', 'Classification', 'Contrastive', 'Sigmoid']
