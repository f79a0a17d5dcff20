"""Noise of a chosen strength on one modality of a batch.

A corruption is `(array [b ...], mask, keys [b], level) -> array` of the same
shape and dtype, with the randomness of each example in its own key. Level 0
changes nothing.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Num

from mmjax.masking import where_real


@dataclasses.dataclass(frozen=True, kw_only=True)
class PixelNoise:
  """Gaussian noise on pixels."""

  strength: float = 1.0
  """Standard deviation at level 1; the range of pixels is 1."""

  def __call__(
    self,
    image: Num[Array, 'b ...'],
    mask: Bool[Array, ' b'],
    keys: Key[Array, ' b'],
    level: Float[Array, ''],
  ) -> Num[Array, 'b ...']:
    """Adds it; integers stay in 0..255."""
    del mask
    noise = _normal(keys, image) * (self.strength * level)
    if jnp.issubdtype(image.dtype, jnp.floating):
      return image + noise.astype(image.dtype)
    noisy = jnp.round(image.astype(jnp.float32) + 255 * noise)
    return jnp.clip(noisy, 0, 255).astype(image.dtype)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignalNoise:
  """Gaussian noise on a waveform or on sensor channels."""

  strength: float = 3.0
  """Standard deviation at level 1, over the root mean square of the example."""

  def __call__(
    self,
    signal: Float[Array, 'b ...'],
    mask: Bool[Array, 'b f'],
    keys: Key[Array, ' b'],
    level: Float[Array, ''],
  ) -> Float[Array, 'b ...']:
    """Adds it, also to what is padded, where it does not matter."""
    real = where_real(signal, mask)
    axes = tuple(range(1, signal.ndim))
    count = mask.sum(1) * (signal.size // mask.size)
    power = (real**2).sum(axes) / jnp.maximum(count, 1)
    power = power.reshape(-1, *(1,) * len(axes))
    noise = _normal(keys, signal) * jnp.sqrt(power) * (self.strength * level)
    return signal + noise.astype(signal.dtype)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenNoise:
  """Token ids replaced by others."""

  strength: float = 1.0
  """Probability that an id is replaced, at level 1."""
  ids: tuple[int, int] = (4, 260)
  """The first id that may stand in, and the first that may not; those of the
  bytes by default."""

  def __call__(
    self,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    keys: Key[Array, ' b'],
    level: Float[Array, ''],
  ) -> Int[Array, 'b t']:
    """Replaces each id with the same probability, alone."""
    del mask

    def one(key, ids):
      which, what = jax.random.split(key)
      gone = jax.random.uniform(which, ids.shape) < self.strength * level
      other = jax.random.randint(what, ids.shape, *self.ids, ids.dtype)
      return jnp.where(gone, other, ids)

    return jax.vmap(one)(keys, text)


def _normal(keys: Array, like: Array) -> Array:
  draw = jax.vmap(lambda key: jax.random.normal(key, like.shape[1:]))
  return draw(keys)
