"""Layers on graphs: nodes that hear their neighbours."""

from collections.abc import Callable
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.layers.attention import require_divisible
from mmjax.masking import masked_softmax

Activation = Callable[[Array], Array]


class GraphConvolution(nn.Module):
  """`h_i' = activation(sum over neighbours j of W h_j a_ij + b)`.

  A node hears itself only if `edges` says so. Semi-Supervised Classification
  with Graph Convolutional Networks (https://arxiv.org/abs/1609.02907).
  """

  width: int
  """Features of each node of the result."""
  norm: Literal['sum', 'symmetric'] = 'symmetric'
  """`sum`: a_ij is 1. `symmetric`: 1 / sqrt(degree_i degree_j)."""
  activation: Activation = jax.nn.relu
  """Nonlinearity."""

  @nn.compact
  def __call__(
    self, x: Float[Array, 'b n d'], edges: Bool[Array, 'b n n']
  ) -> Float[Array, 'b n w']:
    """Computes the nodes' new features.

    Args:
      x: features; those of a node that nobody hears do not matter if finite.
      edges: `edges[:, i, j]`: whether i hears j.
    """
    a = edges.astype(x.dtype)
    if self.norm == 'symmetric':
      heard = jnp.maximum(a.sum(axis=2), 1)
      hears = jnp.maximum(a.sum(axis=1), 1)
      a = a * (heard[:, :, None] * hears[:, None, :]) ** -0.5
    sent = nn.Dense(self.width, use_bias=False, name='neighbor')(x)
    bias = self.param('bias', nn.initializers.zeros, (self.width,))
    heard = jnp.einsum('bij,bjd->bid', a, sent)
    return self.activation(heard + bias.astype(x.dtype)[None, None])


class GraphAttention(nn.Module):
  """`h_i' = activation(sum over neighbours j of a_ij W h_j + b)`.

  `a_ij` is a softmax over the neighbours of
  `v . leaky_relu(W_left h_i + W h_j)`: the attention that depends on who asks,
  of How Attentive are Graph Attention Networks?
  (https://arxiv.org/abs/2105.14491), after Graph Attention Networks
  (https://arxiv.org/abs/1710.10903).
  """

  width: int
  """Features of each node of the result."""
  heads: int = 4
  """Attention heads; they divide the width."""
  activation: Activation = jax.nn.relu
  """Nonlinearity."""

  def __post_init__(self):
    """Checks that the heads divide the width."""
    require_divisible(self.width, self.heads)
    super().__post_init__()

  @nn.compact
  def __call__(
    self, x: Float[Array, 'b n d'], edges: Bool[Array, 'b n n']
  ) -> Float[Array, 'b n w']:
    """Computes the nodes' new features; see `GraphConvolution`."""
    size = self.width // self.heads
    asks, sent = (
      rearrange(
        nn.Dense(self.width, use_bias=name == 'asks', name=name)(x),
        'b n (k h) -> b k n h',
        k=self.heads,
      )
      for name in ('asks', 'neighbor')
    )
    init = nn.initializers.normal(size**-0.5)
    score = self.param('score', init, (self.heads, size)).astype(x.dtype)
    both = jax.nn.leaky_relu(asks[:, :, :, None] + sent[:, :, None], 0.2)
    logits = jnp.einsum('bkijh,kh->bkij', both, score)
    a = masked_softmax(logits, edges[:, None])
    heard = rearrange(
      jnp.einsum('bkij,bkjh->bkih', a, sent), 'b k n h -> b n (k h)'
    )
    bias = self.param('bias', nn.initializers.zeros, (self.width,))
    return self.activation(heard + bias.astype(x.dtype)[None, None])
