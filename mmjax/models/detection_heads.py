"""What each token of a grid has found: a box, and how likely each class is."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.masking import full_precision
from mmjax.types import Tokens


class BoxHead(nn.Module):
  """A box for each token, told from the token's own place.

  The middle is the token's, moved in logits, as in Deformable DETR, section 4
  (https://arxiv.org/abs/2010.04159): what a token has to answer for lies near
  it from the start, which learned queries take long to find out.
  """

  hidden: int = 64
  """Width of the hidden layer."""
  columns: int = 0
  """Tokens in a row of the grid; 0 where there are as many rows as columns."""

  @nn.compact
  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b n 4']:
    """Computes left, top, right, bottom as shares of the picture's sides.

    Raises:
      ValueError: the tokens do not fill a grid of so many columns.
    """
    del train
    count = tokens.x.shape[1]
    columns = self.columns or math.isqrt(count)
    if count % columns or (not self.columns and columns**2 != count):
      wanted = f'{self.columns} columns' if self.columns else 'a square'
      raise ValueError(f'{count} tokens are no grid of {wanted}')
    x = jax.nn.relu(nn.Dense(self.hidden, name='hidden')(tokens.x))
    init = nn.initializers.normal(0.01)
    x = full_precision(nn.Dense(4, kernel_init=init, name='box')(x))
    place, rows = jnp.arange(count), count // columns
    middle = jnp.stack(
      [(place % columns + 0.5) / columns, (place // columns + 0.5) / rows], -1
    ).astype(x.dtype)
    middle = jax.nn.sigmoid(x[..., :2] + jax.scipy.special.logit(middle)[None])
    # A third of each side at first.
    size = jax.nn.sigmoid(x[..., 2:] - 0.7)
    return jnp.concatenate([middle - size / 2, middle + size / 2], axis=-1)


class ThingHead(nn.Module):
  """For each token how likely a thing of each class is, each by itself.

  At first nothing is likely, so that the many tokens without a thing do not
  drown the few with one (https://arxiv.org/abs/1708.02002, section 4.1).
  """

  classes: int
  """Number of outputs of a token."""
  prior: float = 0.01
  """Probability of each class at first."""

  @nn.compact
  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b n classes']:
    """Computes logits, in full precision."""
    del train
    x = nn.Dense(
      self.classes,
      kernel_init=nn.initializers.normal(0.01),
      bias_init=nn.initializers.constant(
        math.log(self.prior / (1 - self.prior))
      ),
      name='logits',
    )(tokens.x)
    return full_precision(x)
