"""Heads: from tokens to the numbers a task wants."""

import flax.linen as nn
from jaxtyping import Array, Float

from mmjax.layers.pooling import FirstToken
from mmjax.masking import full_precision
from mmjax.types import Tokens


class Head(nn.Module):
  """A norm, unless told otherwise, and a linear layer on the pooled tokens."""

  classes: int
  """Number of outputs."""
  pool: nn.Module = FirstToken()
  """How the tokens become one vector; the fusion's own token by default."""
  dropout: float = 0.0
  """Probability of zeroing a feature in training."""
  norm: bool = True
  """Whether a LayerNorm stands in front of the linear layer."""

  @nn.compact
  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b classes']:
    """Computes logits, in full precision."""
    x = self.pool(tokens)
    if self.norm:
      x = nn.LayerNorm(name='norm')(x)
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    # Near zero, so that training starts from the uniform distribution.
    init = nn.initializers.normal(0.01)
    x = nn.Dense(self.classes, kernel_init=init, name='logits')(x)
    return full_precision(x)
