"""From each modality's tokens to common ones: `dict[str, Tokens] -> Tokens`."""

from mmjax.fusion.bottleneck import Bottleneck
from mmjax.fusion.concat import Concat
from mmjax.fusion.concat_dense import ConcatDense
from mmjax.fusion.cross_attention import CrossAttention
from mmjax.fusion.decision import (
  Average,
  Decision,
  LearnedVote,
  ProductOfExperts,
)
from mmjax.fusion.graph import Graph
from mmjax.fusion.hierarchical import Hierarchical
from mmjax.fusion.in_step import InStep
from mmjax.fusion.low_rank import LowRank
from mmjax.fusion.only import Only
from mmjax.fusion.perceiver import Perceiver
from mmjax.fusion.placed import Placed
from mmjax.fusion.single_stream import SingleStream
from mmjax.fusion.spatial import Gate, Modulate, Spatial
from mmjax.fusion.vote import vote
from mmjax.fusion.weighted import (
  FixedWeights,
  GatedWeights,
  LearnedWeights,
  Weighted,
)

__all__ = [
  'Average',
  'Bottleneck',
  'Concat',
  'ConcatDense',
  'CrossAttention',
  'Decision',
  'FixedWeights',
  'Gate',
  'GatedWeights',
  'Graph',
  'Hierarchical',
  'InStep',
  'LearnedVote',
  'LearnedWeights',
  'LowRank',
  'Modulate',
  'Only',
  'Perceiver',
  'Placed',
  'ProductOfExperts',
  'SingleStream',
  'Spatial',
  'Weighted',
  'vote',
]
