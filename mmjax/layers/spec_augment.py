"""SpecAugment: bands and moments of a spectrogram that training hides."""

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key


class SpecAugment(nn.Module):
  """Sets some bands and some stretches of time to zero, in training only.

  Zero is the mean of a normalised spectrogram. Of each clip only frames that
  are real are drawn, whatever the length of the array. Randomness comes from
  the rng stream `masking` and the example's `index`, which the step of training
  gives (`mmjax/train/dropout.py`).

  SpecAugment (https://arxiv.org/abs/1904.08779), without time warping; the
  defaults are its policy LD.
  """

  bands: int = 27
  """Most mel bands that are hidden in one piece, F."""
  band_masks: int = 2
  """Such pieces."""
  frames: int = 100
  """Most frames that are hidden in one piece, T."""
  frame_masks: int = 2
  """Such pieces."""
  most: float = 1.0
  """Most frames of one piece, as a share of those that are real, p."""

  draws_by_example: ClassVar[bool] = True

  def __post_init__(self):
    """Checks the fields' ranges."""
    for name in ('bands', 'band_masks', 'frames', 'frame_masks'):
      if getattr(self, name) < 0:
        raise ValueError(f'{name} {getattr(self, name)} is negative')
    if not 0 <= self.most <= 1:
      raise ValueError(f'most {self.most} is not in [0, 1]')
    super().__post_init__()

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b f m'],
    mask: Bool[Array, 'b f'],
    *,
    train: bool = False,
    index: Int[Array, ' b'] | None = None,
  ) -> Float[Array, 'b f m']:
    """The spectrogram with holes.

    Args:
      x: normalised features, zero where masked.
      mask: True where a frame is real.
      train: whether anything is hidden.
      index: what each example's holes follow from; its row if None.
    """
    if not train:
      return x
    index = jnp.arange(len(x)) if index is None else index
    root = self.make_rng('masking')
    ends = jnp.where(mask, jnp.arange(1, x.shape[1] + 1)[None], 0).max(axis=1)

    def of_one(index, end):
      high, long = jax.random.split(jax.random.fold_in(root, index))
      bands = _pieces(
        high, self.band_masks, self.bands, x.shape[2], jnp.array(x.shape[2])
      )
      most = jnp.minimum(self.frames, jnp.floor(self.most * end))
      frames = _pieces(long, self.frame_masks, most, x.shape[1], end)
      return frames[:, None] | bands[None]

    hidden = jax.vmap(of_one)(index, ends)
    return jnp.where(hidden, jnp.zeros((), x.dtype), x)


def _pieces(
  key: Key[Array, ''],
  count: int,
  most: Int[Array, ''] | Float[Array, ''] | int,
  length: int,
  end: Int[Array, ''],
) -> Bool[Array, ' n']:
  """Which places lie in one of some pieces before `end`."""
  wide, where = jax.random.uniform(key, (2, count))
  size = jnp.floor(wide * (jnp.minimum(most, end) + 1))
  start = jnp.floor(where * (end - size + 1))
  at = jnp.arange(length)[:, None]
  return ((at >= start[None]) & (at < (start + size)[None])).any(axis=1)
