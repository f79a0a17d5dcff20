"""Video Vision Transformer: a clip as a sequence of tubelets."""

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange, reduce, repeat
from jaxtyping import Array, Bool, Num

from mmjax.encoders.sequence import SequenceEncoder
from mmjax.layers.embed import PatchProjection, SinCosPositions
from mmjax.layers.pixels import IMAGENET_MEAN, IMAGENET_STD, normalize_pixels
from mmjax.layers.space_time import SpaceTimeTransformer
from mmjax.masking import where_real
from mmjax.types import Tokens


class VideoTransformer(SequenceEncoder):
  """Transformer over tubelets: patches that are a few frames deep.

  A tubelet is real when any of its frames is. With sin-cos positions a clip
  gives the same real tokens whatever the length of the array that holds it.

  ViViT: A Video Vision Transformer (https://arxiv.org/abs/2103.15691), models
  1 (joint) and 3 (factorised).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> video, mask = jnp.zeros((1, 8, 32, 32, 3)), jnp.ones((1, 8), bool)
    >>> encoder = VideoTransformer(width=48, depth=2, heads=2)
    >>> tokens, params = encoder.init_with_output(
    ...     jax.random.key(0), video, mask)
    >>> tokens.x.shape
    (1, 16, 48)
  """

  tubelet: tuple[int, int] = (2, 16)
  """Frames, and side in pixels, of a tubelet."""
  attention: Literal['joint', 'factorised'] = 'joint'
  """Whether a tubelet looks at all others, or first at those of its moment and
  then at those of its place."""
  rest: Literal['error', 'drop'] = 'error'
  """What happens to the last rows and columns that make no whole tubelet."""
  positions: nn.Module = SinCosPositions()
  """`(grid, width) -> [n d]`: LearnedPositions, SinCosPositions or
  NumberedPositions."""
  mean: tuple[float, ...] = IMAGENET_MEAN
  """Subtracted from each channel, which lies in 0..1."""
  std: tuple[float, ...] = IMAGENET_STD
  """Each channel is divided by it."""

  def grid(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
    """Tubelets along time, rows and columns.

    Raises:
      ValueError: the tubelets do not cover the frames exactly, and `rest` is
        not to be dropped.
    """
    depth, p = self.tubelet
    if self.rest == 'error' and (height % p or width % p):
      raise ValueError(
        f'frames of {height}x{width} are not divisible by tubelet side {p}'
      )
    return -(-frames // depth), height // p, width // p

  @nn.compact
  def __call__(
    self,
    video: Num[Array, 'b f h w c'],
    mask: Bool[Array, 'b f'],
    *,
    train: bool = False,
  ) -> Tokens:
    """Encodes clips, integers in 0..255 or floats in 0..1.

    Args:
      video: pixels, any value where masked.
      mask: True where a frame is real.
      train: whether dropout is on.

    Returns:
      `grid` tokens; all tubelets of the first moment come first.

    Raises:
      ValueError: the frames' size or channels do not fit the fields.
    """
    b, frames, h, w, _ = video.shape
    grid = self.grid(frames, h, w)
    x = normalize_pixels(
      rearrange(video, 'b f h w c -> (b f) h w c'),
      mask.reshape(-1),
      mean=self.mean,
      std=self.std,
    )
    x = where_real(rearrange(x, '(b f) h w c -> b f h w c', b=b), mask)
    depth, p = self.tubelet
    fill = grid[0] * depth - frames
    x = x[:, :, : grid[1] * p, : grid[2] * p]
    x = jnp.pad(x, ((0, 0), (0, fill)) + ((0, 0),) * 3)
    real = jnp.pad(mask, ((0, 0), (0, fill)))
    x = rearrange(
      x,
      'b (f t) (h p) (w q) c -> b (f h w) (t p q c)',
      t=depth, p=p, q=p,
    )  # fmt: skip
    real = reduce(real, 'b (f t) -> b f', 'max', t=depth)
    real = repeat(real, 'b f -> b (f s)', s=grid[1] * grid[2])
    x = PatchProjection(self.width, name='patches')(x)
    x = x + self.positions(grid, self.width).astype(x.dtype)[None]
    if self.attention == 'joint':
      return self.transform(Tokens(x, real), train=train)
    return SpaceTimeTransformer(
      moments=grid[0],
      depth=self.depth,
      heads=self.heads,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      style=self.style,
      scan=self.scan,
      remat=self.remat,
      name='transformer',
    )(Tokens(x, real), train=train)
