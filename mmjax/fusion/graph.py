"""Fusion on a graph of tokens and modalities."""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from mmjax.fusion.project import join, own_tokens, streams
from mmjax.layers.graph import GraphConvolution
from mmjax.masking import present
from mmjax.types import Tokens


class Graph(nn.Module):
  """Tokens and their modality hear each other, and so do all modalities.

  The nodes are the fusion itself, one for each modality, and the tokens. The
  fusion and the modalities all hear each other; a modality and its tokens do;
  everyone hears itself. Only what is real has neighbours.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> tokens = Tokens(jnp.zeros((2, 5, 16)), jnp.ones((2, 5), bool))
    >>> fusion = Graph(modalities=('image', 'audio'), width=32,
    ...                layers=(GraphConvolution(32), GraphConvolution(32)))
    >>> fused, params = fusion.init_with_output(
    ...     jax.random.key(0), {'image': tokens, 'audio': tokens})
    >>> fused.x.shape
    (2, 13, 32)
  """

  modalities: tuple[str, ...]
  """Which modalities take part."""
  width: int = 256
  """Width that each modality is projected to."""
  layers: tuple[nn.Module, ...] = (
    GraphConvolution(256),
    GraphConvolution(256),
    GraphConvolution(256),
  )
  """`(x [b n d], edges [b n n]) -> [b n w]`: GraphConvolution or
  GraphAttention. From a token to the fusion it takes two."""

  def __post_init__(self):
    """Checks that what the tokens say can arrive."""
    if len(self.layers) < 2:
      raise ValueError(
        f'{len(self.layers)} layers: a token reaches the fusion in 2'
      )
    super().__post_init__()

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to all nodes: the fusion's, first, the modalities', the tokens."""
    del train
    parts = streams(self, self.modalities, tokens, self.width)
    some = next(iter(parts.values())).x
    own = own_tokens(self, some, 1 + len(parts))
    here = [present(part.mask) for part in parts.values()]
    hubs = Tokens(own.x, jnp.stack([jnp.ones_like(here[0]), *here], axis=1))
    nodes = join(hubs, *parts.values())
    edges = self._edges([part.x.shape[1] for part in parts.values()])
    real = nodes.mask
    edges = edges[None] & real[:, :, None] & real[:, None, :]
    x = nodes.x
    for layer in self.layers:
      x = layer(x, edges)
    return Tokens(x, real)

  def _edges(self, counts: list[int]) -> Bool[Array, 'n n']:
    """Who would hear whom if all were real."""
    hubs = 1 + len(counts)
    edges = np.eye(hubs + sum(counts), dtype=bool)
    edges[:hubs, :hubs] = True
    start = hubs
    for hub, count in enumerate(counts, 1):
      edges[hub, start : start + count] = True
      edges[start : start + count, hub] = True
      start += count
    return jnp.asarray(edges)
