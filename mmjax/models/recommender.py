"""Two towers over histories: items by their content, users by their items."""

import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.masking import full_precision, where_real
from mmjax.models.aligned import encode
from mmjax.types import Batch


class Recommender(nn.Module):
  """Embeds items, and after each of them the user who has seen it last.

  The item tower is an encoder for each modality of an item and a fusion to one
  token; each item of a history is encoded once, on its own. The user tower runs
  over the fused vectors in their order. The scalar product of a user's
  embedding with an item's says how likely the item is next.

  Deep Neural Networks for YouTube Recommendations
  (https://doi.org/10.1145/2959100.2959190), with a user tower as in GRU4Rec
  (https://arxiv.org/abs/1511.06939).
  """

  encoders: Mapping[str, nn.Module]
  """The encoder of each modality of an item."""
  fusion: nn.Module
  """`dict[str, Tokens] -> Tokens`, of which the first is taken."""
  user: Any
  """`([b n d], mask) -> Tokens`, which looks back and not ahead: Recurrent."""
  width: int = 64
  """Width of the shared space."""
  item: str = 'item'
  """Key of the mask `[b n]` that says which places of a history are real."""
  scale: float = 1 / 0.07
  """First value of the learned scale of similarities."""
  max_scale: float = 100.0
  """What the scale never exceeds."""

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Gives `embeddings`, unit vectors `[b n width]`: `item` of each item, and
    `user` of the user after it; zero where there is no item. `shared` has the
    `logit_scale`.

    Args:
      batch: each modality and its mask have an axis `n` of items behind `b`.
      train: whether dropout is on.
    """
    real = batch['mask'][self.item]
    tokens = encode(self.encoders, self._items(batch), train=train)
    fused = self.fusion(tokens, train=train).x[:, 0]
    items = where_real(rearrange(fused, '(b n) d -> b n d', b=len(real)), real)
    users = self.user(items, real, train=train).x
    log_scale = self.param(
      'log_scale', nn.initializers.constant(math.log(self.scale)), ()
    )
    scale = jnp.exp(jnp.minimum(log_scale, math.log(self.max_scale)))
    return {
      'embeddings': {
        'item': self._embed('item', items, real),
        'user': self._embed('user', users, real),
      },
      'shared': {'logit_scale': scale},
    }

  def _items(self, batch: Batch) -> dict[str, Any]:
    """The batch as if each item were an example."""

    def flat(x: Array) -> Array:
      return rearrange(x, 'b n ... -> (b n) ...')

    real = batch['mask'][self.item]
    mask = {
      name: where_real(batch['mask'][name], real) for name in self.encoders
    }
    found = {name: flat(batch[name]) for name in self.encoders if name in batch}
    return {**found, 'mask': jax.tree.map(flat, mask)}

  def _embed(
    self, name: str, x: Float[Array, 'b n d'], real: Bool[Array, 'b n']
  ) -> Float[Array, 'b n e']:
    x = nn.Dense(self.width, use_bias=False, name=f'{name}_projection')(x)
    x = full_precision(x)
    # The square root has no gradient at zero.
    norm = jnp.sqrt(jnp.maximum((x**2).sum(-1, keepdims=True), 1e-12))
    return where_real(x / norm, real)
