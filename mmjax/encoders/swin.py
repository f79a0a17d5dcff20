"""Swin Transformer: an image as patches that see each other within windows."""

import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.encoders.pixels import ImageEncoder
from mmjax.encoders.windowed import WindowedEncoder
from mmjax.layers.embed import PatchProjection
from mmjax.layers.patches import split_patches
from mmjax.layers.swin import merged
from mmjax.types import Tokens


class Swin(WindowedEncoder, ImageEncoder):
  """Swin Transformer, from pixels to a token for each place of the last stage.

  Pool with `MeanPool`, as the paper does, or `AttentionPool`.

  Swin Transformer (https://arxiv.org/abs/2103.14030).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> image, mask = jnp.zeros((2, 32, 32, 3)), jnp.array([True, False])
    >>> swin = Swin(width=8, depths=(2, 1), heads=(1, 2), window=4)
    >>> tokens, params = jax.eval_shape(
    ...     swin.init_with_output, jax.random.key(0), image, mask)
    >>> tokens.x.shape
    (2, 16, 16)
  """

  patch_size: int = 4
  """Side of a patch, in pixels; what is left over is filled up with zeros."""

  def grid(self, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of tokens of an image of so many pixels."""
    rows, columns = (
      merged(-(-side // self.patch_size), len(self.depths))
      for side in (height, width)
    )
    return rows, columns

  def encode(
    self,
    x: Float[Array, 'b h w c'],
    mask: Bool[Array, ' b'],
    *,
    train: bool,
  ) -> Tokens:
    """A token for each place of the last stage."""
    p = self.patch_size
    _, h, w, _ = x.shape
    x = jnp.pad(x, ((0, 0), (0, -h % p), (0, -w % p), (0, 0)))
    x = split_patches(x, (p, p))
    h = x.shape[1]
    x = rearrange(x, 'b h w p -> b (h w) p')
    x = PatchProjection(self.width, name='patches')(x)
    x = self.transform(rearrange(x, 'b (h w) d -> b h w d', h=h), train=train)
    x = rearrange(x, 'b h w d -> b (h w) d')
    return Tokens(x, jnp.broadcast_to(mask[:, None], x.shape[:2]))
