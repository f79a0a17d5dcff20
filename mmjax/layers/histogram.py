"""How much of each colour a picture has, wherever it is."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def color_histogram(
  pixels: Float[Array, 'b h w c'], *, bins: int
) -> Float[Array, 'b k']:
  """Shares of the pixels in each cell of the colour cube, summing to one.

  A pixel counts in the nearest cells of each channel, in proportion to how near
  it is to their centres, so that the result is continuous in the colours.

  Args:
    pixels: values in 0..1.
    bins: cells along each channel.

  Returns:
    `bins ** c` shares; the last channel varies fastest.
  """
  x = pixels.reshape(len(pixels), -1, pixels.shape[-1], 1) * bins - 0.5
  x = jnp.clip(x, 0.0, bins - 1.0)
  cell = jnp.arange(bins)[None, None, None]
  near = jnp.maximum(1 - jnp.abs(x - cell), 0)  # [b p c bins]
  cells = jnp.ones((*near.shape[:2], 1), near.dtype)
  for channel in range(near.shape[2] - 1):
    cells = jnp.einsum('bpi,bpj->bpij', cells, near[:, :, channel])
    cells = cells.reshape(*near.shape[:2], -1)
  # The last product sums over the pixels at once: a matrix product.
  shares = jnp.einsum('bpi,bpj->bij', cells, near[:, :, -1])
  return shares.reshape(len(pixels), -1) / near.shape[1]
