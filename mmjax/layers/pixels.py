"""From stored pixels to what a network likes to see."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num

from mmjax.masking import where_real

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalize_pixels(
  image: Num[Array, 'b h w c'],
  mask: Bool[Array, ' b'],
  *,
  mean: tuple[float, ...] = IMAGENET_MEAN,
  std: tuple[float, ...] = IMAGENET_STD,
) -> Float[Array, 'b h w c']:
  """Computes `(image - mean) / std` of images in 0..1.

  Args:
    image: integers in 0..255 or floats in 0..1, any value where masked.
    mask: True where the example has an image; the others become black.
    mean: subtracted from each channel.
    std: each channel is divided by it.

  Raises:
    ValueError: `mean` is not as long as the image has channels.
  """
  if image.shape[-1] != len(mean):
    raise ValueError(
      f'image has {image.shape[-1]} channels, mean has {len(mean)}'
    )
  scale = 1 / 255 if jnp.issubdtype(image.dtype, jnp.integer) else 1.0
  x = where_real(image, mask).astype(jnp.float32) * scale
  shift, spread = jnp.asarray((mean, std))[:, None, None, None]
  return (x - shift) / spread
