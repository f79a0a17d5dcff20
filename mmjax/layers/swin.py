"""Stages of shifted windows, each with half the grid and twice the width."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Float

from mmjax.layers.style import Style
from mmjax.layers.windows import WindowBlock


class PatchMerging(nn.Module):
  """Two by two places become one of twice the width.

  Swin Transformer, section 3.1 (https://arxiv.org/abs/2103.14030).
  """

  norm: nn.Module = nn.LayerNorm(epsilon=1e-5)
  """In front of the linear layer."""

  @nn.compact
  def __call__(self, x: Float[Array, 'b h w d']) -> Float[Array, 'b p q e']:
    """Computes `dense(norm(places))`; zeros fill up what is odd."""
    _, h, w, d = x.shape
    if h % 2 or w % 2:
      x = jnp.pad(x, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)))
    # Columns first, as the paper's weights have them.
    x = rearrange(x, 'b (h p) (w q) d -> b h w (q p d)', p=2, q=2)
    norm: Any = self.norm.copy(name='places_norm')
    return nn.Dense(2 * d, use_bias=False, name='reduction')(norm(x))


class SwinTransformer(nn.Module):
  """Stages of blocks whose windows shift by half in every second one.

  Swin Transformer, figure 3 (https://arxiv.org/abs/2103.14030).
  """

  depths: tuple[int, ...]
  """Blocks of each stage."""
  heads: tuple[int, ...]
  """Attention heads of each stage."""
  window: int = 7
  """Side of a window, in places."""
  mlp_ratio: float = 4.0
  """Hidden width of the MLP, over the width; rounded down."""
  dropout: float = 0.0
  """Probability of zeroing a unit of each residual branch in training."""
  style: Style = Style()
  """Norms, nonlinearity and biases of the blocks."""
  norm: nn.Module = nn.LayerNorm(epsilon=1e-5)
  """Copied for in front of each merging and for behind the last block."""

  @nn.compact
  def __call__(
    self, x: Float[Array, 'b h w d'], *, train: bool = False
  ) -> Float[Array, 'b p q e']:
    """Runs the stages, with a merging between one and the next."""
    for i, depth in enumerate(self.depths):
      if i:
        x = PatchMerging(self.norm, name=f'merging_{i - 1}')(x)
      h, w, d = x.shape[1:]
      x = rearrange(x, 'b h w d -> b (h w) d')
      for j in range(depth):
        block: Callable[..., Array] = WindowBlock(
          heads=self.heads[i],
          mlp_ratio=int(d * self.mlp_ratio) / d,
          dropout=self.dropout,
          style=self.style,
          grid=(h, w),
          window=self.window,
          shift=self.window // 2 if j % 2 else 0,
          name=f'stage_{i}_block_{j}',
        )
        x = block(x, train=train)
      x = rearrange(x, 'b (h w) d -> b h w d', h=h)
    norm: Any = self.norm.copy(name='last_norm')
    return norm(x)


def merged(side: int, stages: int) -> int:
  """Places along an axis behind so many stages of one that had `side`."""
  for _ in range(stages - 1):
    side = -(-side // 2)
  return side
