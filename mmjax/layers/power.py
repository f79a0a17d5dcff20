"""The power of frames at each frequency, in one and in two float32.

The rounding of a Fourier transform is relative to what is loudest in a frame.
In float32 it shows 60 dB below, where spectra in decibels still mean something.
"""

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from jaxtyping import Array, Float

from mmjax.layers.doubled import Doubled, doubled

_Complex = tuple[Doubled, Doubled]


def single_power(
  frames: Float[Array, 'b f n'], window: Float[np.ndarray, ' n']
) -> Float[Array, 'b f frequencies']:
  """Squared magnitude of the Fourier transform, in float32."""
  spectrum = jnp.fft.rfft(frames * jnp.asarray(window, jnp.float32)[None, None])
  return spectrum.real**2 + spectrum.imag**2


def doubled_power(
  frames: Float[Array, 'b f n'], window: Float[np.ndarray, ' n']
) -> Float[Array, 'b f frequencies']:
  """The same as if it had been computed in double precision, then rounded.

  On any device and without 64 bits; the gradient is that of `single_power`.

  Args:
    frames: samples in float32; as many in each as a power of two.
    window: what they are multiplied by, in double precision.
  """
  rough = single_power(frames, window)
  exact = _doubled_power(jax.lax.stop_gradient(frames), window)
  return exact + (rough - jax.lax.stop_gradient(rough))


def _doubled_power(frames: Array, window: np.ndarray) -> Array:
  count, n = frames.shape[1:]
  x = jnp.pad(frames, ((0, 0), (0, count % 2), (0, 0)))
  x = x.astype(jnp.float32)
  factor = Doubled(*(part[None, None] for part in doubled(window)))
  x = Doubled(x, jnp.zeros_like(x)).times(factor)
  # Two frames share a transform: one is its real part, one its imaginary.
  pair = tuple(Doubled(x.high[:, i::2], x.low[:, i::2]) for i in (0, 1))
  real, imaginary = _fourier((pair[0], pair[1]))

  def take(x: Doubled, where: np.ndarray) -> Doubled:
    return Doubled(x.high[..., where], x.low[..., where])

  near = np.arange(n // 2 + 1)
  far = -near % n
  a, b, c, d = (take(x, k) for x in (real, imaginary) for k in (near, far))
  first = a.plus(b), c.minus(d)
  second = c.plus(d), b.minus(a)
  power = jnp.stack([_square(*first), _square(*second)], axis=2)
  power = rearrange(power, 'b f two n -> b (f two) n') / 4
  return power[:, :count]


def _fourier(x: _Complex) -> _Complex:
  """The Fourier transform along the last axis.

  M. C. Pease, An adaptation of the fast Fourier transform for parallel
  processing (https://doi.org/10.1145/321450.321457): each stage has the same
  shapes, so that one is compiled for all.
  """
  n = x[0].high.shape[-1]
  stages = n.bit_length() - 1
  half = np.arange(n // 2)
  turns = np.stack([half >> s << s for s in range(stages)]) / n
  waves = (
    doubled(np.cos(2 * np.pi * turns)),
    doubled(-np.sin(2 * np.pi * turns)),
  )

  def stage(x: _Complex, wave: _Complex) -> tuple[_Complex, None]:
    wave = jax.tree.map(lambda w: w.reshape(1, 1, -1), wave)
    front = jax.tree.map(lambda v: v[..., : n // 2], x)
    back = jax.tree.map(lambda v: v[..., n // 2 :], x)
    total = tuple(a.plus(b) for a, b in zip(front, back, strict=True))
    re, im = (a.minus(b) for a, b in zip(front, back, strict=True))
    turned = (
      re.times(wave[0]).minus(im.times(wave[1])),
      re.times(wave[1]).plus(im.times(wave[0])),
    )
    merged = jax.tree.map(
      lambda a, b: rearrange([a, b], 'two b f n -> b f (n two)'),
      total,
      turned,
    )
    return merged, None

  y, _ = jax.lax.scan(stage, x, waves)
  reverse = [int(f'{k:0{stages}b}'[::-1], 2) for k in range(n)]
  return jax.tree.map(lambda v: v[..., np.array(reverse)], y)


def _square(real: Doubled, imaginary: Doubled) -> Array:
  return real.high**2 + imaginary.high**2
