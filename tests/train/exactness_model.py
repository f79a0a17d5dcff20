"""The model and the objectives whose step is compared in every way there is."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.fusion.concat import Concat
from mmjax.layers.pooling import MeanPool
from mmjax.models.aligned import Alignment
from mmjax.models.fused import Fused
from mmjax.models.heads import Head, OrdinalHead, TokenHead
from mmjax.models.language import LanguageModel
from mmjax.models.masked import Masked
from mmjax.models.matched import Matched
from mmjax.models.pixel_head import PixelHead
from mmjax.models.task_weights import TaskWeights
from mmjax.models.unscored import Unscored
from mmjax.objectives.contrastive import Contrastive, Sigmoid
from mmjax.objectives.ctc import Ctc
from mmjax.objectives.masked_modelling import MaskedPatches, MaskedText
from mmjax.objectives.matching import Matching
from mmjax.objectives.next_token import NextToken
from mmjax.objectives.ordinal import Ordinal
from mmjax.objectives.regression import Regression
from mmjax.objectives.segmentation import Segmentation
from mmjax.objectives.supervised import Classification
from mmjax.objectives.uncertainty import Uncertainty

PAIRS = (('image', 'text'),)
POOLS = {'image': MeanPool(), 'text': MeanPool()}
# With dropout: its masks, too, belong to the examples.
FUSED = Fused(
  encoders={
    'image': ViT(patch_size=4, width=8, depth=1, heads=2, dropout=0.1),
    'text': TextTransformer(width=8, depth=0, heads=2, dropout=0.1),
  },
  fusion=Concat(pools=POOLS, width=8),
  heads={
    'label': Head(classes=4),
    'value': Head(classes=2),
    'rank': OrdinalHead(ranks=4),
  },
  modality_heads={
    'image': {'segments': PixelHead(classes=3, patch_size=4)},
    'text': {
      'said': TokenHead(classes=8, blank=0),
      'next': TokenHead(classes=260),
    },
  },
  alignment=Alignment(pools=POOLS, width=6, scale=5.0, bias=-2.0),
)
JUDGES = TaskWeights(
  model=Matched(
    model=Masked(model=FUSED, patches={'image': 0.5}, text={'text': 0.3}),
    pools=POOLS,
    hidden=4,
  ),
  tasks=('label',),
)
WRITES = Unscored(
  model=LanguageModel(
    encoders={'text': TextTransformer(width=8, depth=0, heads=2, causal=True)}
  )
)


class Both(nn.Module):
  """A model that judges, and one that writes and tells no logits."""

  judges: nn.Module
  writes: nn.Module

  def __call__(self, batch, *, train=False):
    outputs = self.judges(batch, train=train)
    written = self.writes(batch, train=train)
    shared = {**outputs['shared'], **written.get('shared', {})}
    return {**written, **outputs, 'shared': shared}


MODEL = Both(judges=JUDGES, writes=WRITES)
# An objective joins the table with a line here.
OBJECTIVES: Mapping[str, Any] = {
  'softmax': Classification(label_smoothing=0.1),
  'sigmoid': Classification(kind='sigmoid', target='tags'),
  'contrastive': Contrastive(pairs=PAIRS, same='label', weight=0.5),
  'pairwise sigmoid': Sigmoid(pairs=PAIRS, weight=0.1),
  'contrastive in tiles': Contrastive(
    pairs=PAIRS, same='label', weight=0.4, tile=8
  ),
  'pairwise sigmoid in tiles': Sigmoid(pairs=PAIRS, weight=0.2, tile=2),
  'focal': Classification(focusing=2.0, class_weights=(0.5, 1.0, 2.0, 0.0)),
  'regression': Regression(kind='huber'),
  'ordinal': Ordinal(),
  'segmentation': Segmentation(needs=('image',), weight=0.7),
  'uncertainty': Uncertainty(objective=Classification(), task='label'),
  'masked image': MaskedPatches(),
  'masked text': MaskedText(),
  'matching': Matching(pair=PAIRS[0], same='label'),
  'ctc': Ctc(head='said', target='said'),
  'next token': NextToken(head='next', label_smoothing=0.1),
  'next token in tiles': NextToken(label_smoothing=0.2, z_loss=0.01, tile=7),
}
ALL = tuple(OBJECTIVES)
