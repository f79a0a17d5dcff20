"""What the encoders of images have in common: their door."""

import flax.linen as nn
from jaxtyping import Array, Bool, Float, Num

from mmjax.layers.pixels import (
  IMAGENET_MEAN,
  IMAGENET_STD,
  normalize_pixels,
)
from mmjax.types import Tokens


class ImageEncoder(nn.Module):
  """Takes images, normalises their pixels and hands them to `encode`."""

  mean: tuple[float, ...] = IMAGENET_MEAN
  """Subtracted from each channel, which lies in 0..1."""
  std: tuple[float, ...] = IMAGENET_STD
  """Each channel is divided by it."""

  @nn.compact
  def __call__(
    self,
    image: Num[Array, 'b h w c'],
    mask: Bool[Array, ' b'],
    *,
    train: bool = False,
  ) -> Tokens:
    """Encodes images, integers in 0..255 or floats in 0..1.

    Args:
      image: pixels, any value where masked.
      mask: True where the example has an image.
      train: whether dropout is on.

    Returns:
      A token for each patch, or place of the last stage, in row-major order.

    Raises:
      ValueError: the image's size or channels do not fit the fields.
    """
    x = normalize_pixels(image, mask, mean=self.mean, std=self.std)
    return self.encode(x, mask, train=train)

  def encode(
    self,
    x: Float[Array, 'b h w c'],
    mask: Bool[Array, ' b'],
    *,
    train: bool,
  ) -> Tokens:
    """From normalised pixels to tokens; a subclass says how."""
    raise NotImplementedError
