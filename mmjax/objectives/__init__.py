"""From a model's outputs to per-example losses and their weights."""

from mmjax.objectives.contrastive import Contrastive, Sigmoid
from mmjax.objectives.flow_matching import FlowMatching
from mmjax.objectives.masked_modelling import MaskedPatches, MaskedText
from mmjax.objectives.matching import Matching
from mmjax.objectives.next_item import NextItem
from mmjax.objectives.next_token import NextToken
from mmjax.objectives.ordinal import Ordinal
from mmjax.objectives.pointing import Pointing
from mmjax.objectives.regression import Regression
from mmjax.objectives.regularizers import L1, L2
from mmjax.objectives.segmentation import Segmentation
from mmjax.objectives.supervised import Classification, balanced_weights
from mmjax.objectives.uncertainty import Uncertainty

__all__ = [
  'L1',
  'L2',
  'Classification',
  'Contrastive',
  'FlowMatching',
  'MaskedPatches',
  'MaskedText',
  'Matching',
  'NextItem',
  'NextToken',
  'Ordinal',
  'Pointing',
  'Regression',
  'Segmentation',
  'Sigmoid',
  'Uncertainty',
  'balanced_weights',
]
