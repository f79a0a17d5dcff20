"""Every fusion, ready to stand in a config's model; for the benchmarks."""

import dataclasses
from typing import Any, NamedTuple

from mmjax import fusion
from mmjax.evaluators.classification import Classification as Accuracy
from mmjax.evaluators.robustness import Robustness
from mmjax.layers.graph import GraphAttention, GraphConvolution
from mmjax.layers.pooling import MeanPool
from mmjax.models.heads import Decided, Head
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Config


class Way(NamedTuple):
  """A fusion and the head that reads it."""

  fusion: Any
  head: Any


def zoo(config: Config, width: int | None = None) -> dict[str, Way]:
  """Every fusion, for the modalities of a config.

  Args:
    config: its model's fusion tells how modalities are pooled.
    width: of all of them; that of the config's own if None.
  """
  model = config.model
  names = tuple(model.encoders)
  pools = getattr(model.fusion, 'pools', dict.fromkeys(names, MeanPool()))
  width = width or model.fusion.width
  classes = len(config.data.classes['label'])
  head = Head(classes=classes, hidden=width)
  vectors = {'pools': pools, 'width': width}
  tokens = {'modalities': names, 'width': width}
  attention = {**tokens, 'depth': 2, 'heads': 4}
  target, *others = names
  space = {
    'target': target,
    'given': {name: pools[name] for name in others},
    'width': width,
  }
  tree: Any = names[0]
  for name in others:
    tree = (tree, name)
  features = {
    'concat': fusion.Concat(**vectors),
    'weighted, fixed': fusion.Weighted(
      **vectors, weights=fusion.FixedWeights(alpha=(1.0,) * len(names))
    ),
    'weighted, learned': fusion.Weighted(**vectors),
    'weighted, gated': fusion.Weighted(
      **vectors, weights=fusion.GatedWeights()
    ),
    'hierarchical': fusion.Hierarchical(**vectors, tree=tree),
    'low-rank tensor': fusion.LowRank(**vectors),
    'spatial, FiLM': fusion.Spatial(**space),
    'spatial, gates': fusion.Spatial(**space, change=fusion.Gate()),
    'single stream': fusion.SingleStream(**attention),
    'cross-attention': fusion.CrossAttention(**attention),
    'bottleneck': fusion.Bottleneck(**attention),
    'Perceiver': fusion.Perceiver(**attention),
    'graph, sums': fusion.Graph(**tokens, layers=_layers(width, 'sum')),
    'graph, symmetric': fusion.Graph(
      **tokens, layers=_layers(width, 'symmetric')
    ),
    'graph attention': fusion.Graph(
      **tokens, layers=tuple(GraphAttention(width) for _ in range(3))
    ),
  }
  rules = {
    'decisions averaged': fusion.Average(),
    'product of experts': fusion.ProductOfExperts(),
    'learned vote': fusion.LearnedVote(),
  }
  return {name: Way(one, head) for name, one in features.items()} | {
    name: Way(
      fusion.Decision(pools=pools, classes=classes, rule=rule, hidden=width),
      Decided(),
    )
    for name, rule in rules.items()
  }


def _layers(width: int, norm: Any) -> tuple[Any, ...]:
  return tuple(GraphConvolution(width, norm=norm) for _ in range(3))


def vary(config: Config, way: Way, seed: int) -> Config:
  """The config with another fusion, and no other task than the label."""
  names = tuple(config.model.encoders)
  sweep = config.sweeps.get('robustness')
  return dataclasses.replace(
    config,
    model=config.model.clone(
      fusion=way.fusion,
      heads={'label': way.head},
      modality_heads={},
      votes={},
      alignment=None,
    ),
    objectives={'classify': Classification()},
    evaluators={'accuracy': Accuracy(modalities=names)},
    sweeps={'robustness': Robustness(noise=sweep.noise)} if sweep else {},
    checkpoint=dataclasses.replace(config.checkpoint, every=10**9),
    seed=seed,
  )
