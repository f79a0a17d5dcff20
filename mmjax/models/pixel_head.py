"""From the tokens of a grid to numbers for each pixel."""

import math

import flax.linen as nn
from einops import rearrange
from jaxtyping import Array, Float

from mmjax.masking import full_precision
from mmjax.types import Tokens


class PixelHead(nn.Module):
  """A linear layer that gives the logits of every pixel of a token's patch.

  As in Segmenter's linear decoder (https://arxiv.org/abs/2105.05633), but that
  each pixel has logits of its own, where that one interpolates.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> tokens = Tokens(jnp.zeros((2, 9, 8)), jnp.ones((2, 9), bool))
    >>> head = PixelHead(classes=5, patch_size=4)
    >>> logits, params = head.init_with_output(jax.random.key(0), tokens)
    >>> logits.shape
    (2, 12, 12, 5)
  """

  classes: int
  """Number of outputs of a pixel."""
  patch_size: int
  """Side of a token's patch in pixels."""
  columns: int = 0
  """Tokens in a row of the grid; 0 where there are as many rows as columns."""
  dropout: float = 0.0
  """Probability of zeroing a feature in training."""

  @nn.compact
  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b h w classes']:
    """Computes logits, in full precision.

    Raises:
      ValueError: the tokens do not fill a grid of so many columns.
    """
    count = tokens.x.shape[1]
    columns = self.columns or math.isqrt(count)
    if count % columns or (not self.columns and columns**2 != count):
      wanted = f'{self.columns} columns' if self.columns else 'a square'
      raise ValueError(f'{count} tokens are no grid of {wanted}')
    x = nn.Dropout(self.dropout, deterministic=not train)(tokens.x)
    x = nn.Dense(
      self.classes * self.patch_size**2,
      kernel_init=nn.initializers.normal(0.01),
      name='logits',
    )(x)
    x = rearrange(
      x,
      'b (h w) (p q c) -> b (h p) (w q) c',
      w=columns,
      p=self.patch_size,
      q=self.patch_size,
    )
    return full_precision(x)
