"""Heads: from tokens to the numbers a task wants."""

import flax.linen as nn
import jax
from jaxtyping import Array, Float

from mmjax.layers.pooling import FirstToken
from mmjax.masking import full_precision
from mmjax.types import Tokens


class Head(nn.Module):
  """A norm and a linear layer, or an MLP, on the pooled tokens."""

  classes: int
  """Number of outputs."""
  pool: nn.Module = FirstToken()
  """How the tokens become one vector; the fusion's own token by default."""
  hidden: int = 0
  """Width of a hidden layer before the last one; 0 for none."""
  dropout: float = 0.0
  """Probability of zeroing a feature in training."""

  @nn.compact
  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b classes']:
    """Computes logits, in full precision."""
    x = nn.LayerNorm(name='norm')(self.pool(tokens))
    if self.hidden:
      x = jax.nn.gelu(nn.Dense(self.hidden, name='hidden')(x))
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    # Near zero, so that training starts from the uniform distribution.
    init = nn.initializers.normal(0.01)
    x = nn.Dense(self.classes, kernel_init=init, name='logits')(x)
    return full_precision(x)


class Decided(nn.Module):
  """What a decision-level fusion has decided: `fusion.Decision`."""

  token: int = 0
  """0 for the common decision, then each modality's in their order."""

  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b classes']:
    """Takes log-probabilities as logits."""
    del train
    return full_precision(tokens.x[:, self.token])
