"""Which token is meant, if any, and where in the world it is."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.masking import full_precision
from mmjax.types import Tokens

_IMPOSSIBLE = -1e9


class WhichHead(nn.Module):
  """A logit for each token, and one for none of them, by one softmax.

  Pointer Networks (https://arxiv.org/abs/1506.03134), with a sentinel as in
  Pointer Sentinel Mixture Models (https://arxiv.org/abs/1609.07843).
  """

  @nn.compact
  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b m']:
    """Computes logits, that of none last; no masked token is ever meant."""
    del train
    init = nn.initializers.normal(0.01)
    x = nn.Dense(1, kernel_init=init, use_bias=False, name='token')(tokens.x)
    x = jnp.where(tokens.mask, full_precision(x[..., 0]), _IMPOSSIBLE)
    none = self.param('none', nn.initializers.zeros, (1, 1))
    none = jnp.broadcast_to(none.astype(x.dtype), (len(x), 1))
    return jnp.concatenate([x, none], axis=1)


class PlaceHead(nn.Module):
  """The place in the world that each token of `fusion.Placed` has."""

  scale: float = 10.0
  """Metres that count as one in the fusion."""

  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b n 2']:
    """Takes metres east and north."""
    del train
    return full_precision(tokens.x[..., :2]) * self.scale
