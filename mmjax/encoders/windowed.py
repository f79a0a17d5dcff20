"""What the encoders that attend within shifted windows have in common."""

from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from mmjax.layers.attention import require_divisible
from mmjax.layers.style import Style, gelu
from mmjax.layers.swin import SwinTransformer

_NORM = nn.LayerNorm(epsilon=1e-5)


class WindowedEncoder(nn.Module):
  """The options of an encoder's SwinTransformer, and that itself."""

  width: int = 96
  """Features of each token of the first stage; each later one has twice as
  many."""
  depths: tuple[int, ...] = (2, 2, 6, 2)
  """Blocks of each stage."""
  heads: tuple[int, ...] = (3, 6, 12, 24)
  """Attention heads of each stage."""
  window: int = 7
  """Side of the window in which tokens see each other, in tokens."""
  mlp_ratio: float = 4.0
  """Hidden width of the MLP, over the width."""
  dropout: float = 0.0
  """Probability of zeroing a unit in training."""
  style: Style = Style(norm=_NORM, activation=gelu)
  """Norms, nonlinearity and biases of the blocks."""
  norm: nn.Module = _NORM
  """Copied for behind the patches, in front of each merging and for the end."""
  patch_norm: bool = True
  """Whether there is one behind the patches."""

  def __post_init__(self):
    """Checks the stages, their heads and the window."""
    if len(self.depths) != len(self.heads) or not self.depths:
      raise ValueError(
        f'depths {self.depths} and heads {self.heads} are not one number for '
        'each stage'
      )
    for i, heads in enumerate(self.heads):
      require_divisible(self.width * 2**i, heads)
    if self.window < 1:
      raise ValueError(f'window {self.window} is below 1')
    super().__post_init__()

  def transform(
    self, x: Float[Array, 'b h w d'], *, train: bool = False
  ) -> Float[Array, 'b p q e']:
    """Runs the stages; for a subclass's compact method to call."""
    if self.patch_norm:
      norm: Any = self.norm.copy(name='patches_norm')
      x = norm(x)
    return SwinTransformer(
      depths=self.depths,
      heads=self.heads,
      window=self.window,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      style=self.style,
      norm=self.norm,
      name='transformer',
    )(x, train=train)
