"""Matching: does this text belong to this image? For any pair of examples."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from mmjax.masking import full_precision
from mmjax.models.wrapper import Wrapper
from mmjax.types import Batch


class Matched(Wrapper):
  """A model whose examples of two modalities can be scored against each other.

  The score of one example's `left` and another's `right` modality is that of an
  MLP on both their vectors: `gelu(left @ A + right @ B + b) @ kernel + bias`.
  The model computes the two summands of the hidden layer, which belong to one
  example each, and leaves it to the objective `Matching` which pairs to put
  together: it sees all examples of the global batch, whereas a model sees those
  of its device or its micro-batch. A fusion that looks at both modalities'
  tokens would have to run again on every pair, after the negatives are chosen.

  The paths of the model's own parameters stay what they are without this.
  """

  model: nn.Module
  """Gives `tokens`."""
  pools: Mapping[str, nn.Module]
  """How each of the two modalities becomes one vector."""
  hidden: int = 256
  """Width of the MLP's hidden layer."""

  def __post_init__(self):
    """Checks that there are two modalities."""
    if len(self.pools) != 2:
      raise ValueError(f'pools {sorted(self.pools)} are not of two modalities')
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Adds `matching`: `[b hidden]` for each modality, and a draw `[b 2]`.

    The draw, uniform in 0..1, comes from the rng stream `masking` and the
    example's `index`. What scores all pairs alike is in `shared['matching']`.
    """
    outputs = self.model(batch, train=train)
    matching = {}
    for name, pool in self.pools.items():
      x = nn.Dense(self.hidden, name=f'matching_{name}')(
        pool(outputs['tokens'][name])
      )
      matching[name] = full_precision(x)
    matching['draw'] = self._draw(batch, train)
    init = nn.initializers.lecun_normal()
    kernel = self.param('matching_kernel', init, (self.hidden, 1))
    bias = self.param('matching_bias', nn.initializers.zeros, (1,))
    head = {'kernel': full_precision(kernel), 'bias': full_precision(bias)}
    shared = {**outputs.get('shared', {}), 'matching': head}
    return {**outputs, 'matching': matching, 'shared': shared}

  def _draw(self, batch: Batch, train: bool):
    index = batch['index']
    if not train:
      return jnp.full((len(index), 2), 0.5)
    root = self.make_rng('masking')

    def of_one(index):
      return jax.random.uniform(jax.random.fold_in(root, index), (2,))

    return jax.vmap(of_one)(index)
