"""From a model's outputs to per-example losses and their weights."""

from mmjax.objectives.contrastive import Contrastive, Sigmoid
from mmjax.objectives.supervised import Classification

__all__ = ['Classification', 'Contrastive', 'Sigmoid']
