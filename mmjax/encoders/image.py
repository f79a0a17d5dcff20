"""Vision Transformer: an image as a sequence of patches."""

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.encoders.pixels import ImageEncoder
from mmjax.encoders.sequence import SequenceEncoder
from mmjax.layers.embed import LearnedPositions, PatchProjection
from mmjax.types import Tokens


class ViT(SequenceEncoder, ImageEncoder):
  """Vision Transformer, from pixels to a token for each patch.

  With `class_token` one learned token stands before the patches; pool it with
  `FirstToken`, or the patches with `MeanPool` or `AttentionPool`.

  An Image is Worth 16x16 Words (https://arxiv.org/abs/2010.11929).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> image, mask = jnp.zeros((2, 32, 32, 3)), jnp.array([True, False])
    >>> vit = ViT(patch_size=8, width=64, depth=2, heads=2)
    >>> tokens, params = vit.init_with_output(jax.random.key(0), image, mask)
    >>> tokens.x.shape
    (2, 16, 64)
  """

  patch_size: int = 16
  """Side of a patch, in pixels."""
  class_token: bool = False
  """Whether a learned token stands before the patches."""
  class_position: bool = False
  """Whether that token has a learned position, too."""
  registers: int = 0
  """Learned tokens between the class token and the patches: registers
  (https://arxiv.org/abs/2309.16588), or the one of DeiT that a teacher is
  distilled into (https://arxiv.org/abs/2012.12877)."""
  register_positions: bool = False
  """Whether those have learned positions, too."""
  patch_bias: bool = True
  """Whether the projection of patches has a bias."""
  rest: Literal['error', 'drop'] = 'error'
  """What happens to the last rows and columns that make no whole patch."""
  positions: nn.Module = LearnedPositions()
  """`(grid, width) -> [n d]`: LearnedPositions, ResampledPositions or
  SinCosPositions."""

  def grid(self, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of patches in an image of so many pixels.

    Raises:
      ValueError: the patches do not cover the image exactly, and `rest` is not
        to be dropped.
    """
    p = self.patch_size
    if self.rest == 'error' and (height % p or width % p):
      raise ValueError(
        f'image {height}x{width} is not divisible by patch_size {p}'
      )
    return height // p, width // p

  def encode(
    self,
    x: Float[Array, 'b h w c'],
    mask: Bool[Array, ' b'],
    *,
    train: bool,
  ) -> Tokens:
    """A token for each patch, behind the class token and the registers.

    Raises:
      ValueError: the patches do not cover the image exactly.
    """
    b, h, w, _ = x.shape
    grid = self.grid(h, w)
    p = self.patch_size
    x = x[:, : grid[0] * p, : grid[1] * p]
    x = rearrange(x, 'b (h p) (w q) c -> b (h w) (p q c)', p=p, q=p)
    x = PatchProjection(self.width, self.patch_bias, name='patches')(x)
    x = x + self.positions(grid, self.width).astype(x.dtype)[None]
    first = []
    if self.class_token:
      first.append(
        self._learned('class_token', 1, 'class_position', self.class_position)
      )
    if self.registers:
      first.append(
        self._learned(
          'register_tokens',
          self.registers,
          'register_table',
          self.register_positions,
        )
      )
    first = [
      jnp.broadcast_to(one.astype(x.dtype), (b, *one.shape[1:]))
      for one in first
    ]
    x = jnp.concatenate([*first, x], axis=1)
    real = jnp.broadcast_to(mask[:, None], x.shape[:2])
    return self.transform(Tokens(x, real), train=train)

  def _learned(
    self, name: str, count: int, position: str, positioned: bool
  ) -> Float[Array, '1 n d']:
    """Learned tokens, with positions if they have any."""
    init = nn.initializers.normal(0.02)
    tokens = self.param(name, init, (1, count, self.width))
    if positioned:
      tokens += self.param(position, init, (count, self.width))[None]
    return tokens
