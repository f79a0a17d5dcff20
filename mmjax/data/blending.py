"""Two batches of one modality as one, by a share: the arithmetic of `Mix`.

Each way takes the values and masks of the examples and of their partners, and
gives new ones and the share of the example that is really there, which pixels
and tokens round. With share 1 the example stays what it is; what is masked is
never read.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, Num

from mmjax.masking import where_real

Pair = tuple[Any, Any]  # values and their mask
Share = Float[Array, ' b']


def blend(
  own: Pair,
  other: Pair,
  share: Share,
  *,
  cut: Bool[Array, ' b'],
  draws: Key[Array, ' b'],
) -> tuple[Any, Any, Share]:
  """Mixes one modality, whichever it is.

  Args:
    own: values and mask of the examples, as in a batch.
    other: those of their partners.
    share: of the examples; the rest is the partners'.
    cut: whether to cut out and paste (CutMix) or to add (mixup).
    draws: keys for places.

  Returns:
    Values, mask, and the share that is really the example's.
  """
  (x, mask), (y, there) = own, other
  if isinstance(x, dict):
    return _columns(own, other, share, draws)
  if mask.ndim == 2 and jnp.issubdtype(x.dtype, jnp.integer) and x.ndim == 2:
    return _spliced(x, mask, y, there, share)
  if x.ndim >= 4:
    x, y = _pixels(x, mask), _pixels(y, there)
    pasted = _pasted(x, mask, y, there, share, draws)
  else:
    x, y = where_real(x, mask), where_real(y, there)
    pasted = _spliced(x, mask, y, there, share)
  added = _added(x, mask, y, there, share)
  new, real, took = (
    jnp.where(_wide(cut, a.ndim), a, b)
    for a, b in zip(pasted, added, strict=True)
  )
  return new, real, took


def _pixels(x: Num[Array, 'b ...'], mask: Bool[Array, 'b ...']):
  """As floats in 0..1."""
  scale = 1 / 255 if jnp.issubdtype(x.dtype, jnp.integer) else 1.0
  x = where_real(x, mask)
  return x * scale if scale != 1.0 else x


def _added(x, mask, y, there, share):
  """`share * x + (1 - share) * y`; silence, but no black frame, is added where
  one of both has ended."""
  a = _wide(share, mask.ndim) * mask
  b = _wide(1 - share, mask.ndim) * there
  whole = jnp.ones_like(a)
  if x.ndim > 2:
    whole = jnp.where(a + b > 0, a + b, 1.0)
  new = _wide(a / whole, x.ndim) * x + _wide(b / whole, x.ndim) * y
  mask = mask | (there & (_wide(share, mask.ndim) < 1))
  return new.astype(x.dtype), mask, share


def _pasted(x, mask, y, there, share, draws):
  """A rectangle of the partner's, the same in all frames."""
  h, w = x.shape[-3:-1]
  side = jnp.sqrt(1 - share)
  place = jax.vmap(lambda key: jax.random.uniform(key, (2,)))(draws)
  inside, area = jnp.ones((), bool), jnp.ones(())
  for axis, length in enumerate((h, w)):
    size = jnp.round(side * length)
    start = jnp.floor(place[:, axis] * (length - size + 1))
    at = jnp.arange(length)[None]
    line = (at >= start[:, None]) & (at < (start + size)[:, None])
    line = line[:, :, None] if axis == 0 else line[:, None, :]
    inside, area = inside & line, area * size / length
  both = mask & there
  inside = inside.reshape(len(x), *(1,) * (mask.ndim - 1), h, w, 1)
  new = jnp.where(inside & _wide(both, x.ndim), y, x)
  frames = mask.reshape(len(x), -1).sum(axis=1)
  same = both.reshape(len(x), -1).sum(axis=1) / jnp.maximum(frames, 1)
  return new, mask, 1 - area * same


def _spliced(x, mask, y, there, share):
  """The first part of the one, and then the last part of the other."""
  length = mask.shape[1]
  at = jnp.arange(length)[None]
  ends = [jnp.where(m, at + 1, 0).max(axis=1) for m in (mask, there)]
  first = jnp.round(share * ends[0]).astype(int)
  last = jnp.round((1 - share) * ends[1]).astype(int)
  last = jnp.minimum(last, length - first)
  own = at < first[:, None]
  where = jnp.clip(at + (ends[1] - last - first)[:, None], 0, length - 1)
  inside = at < (first + last)[:, None]
  index = where.reshape(where.shape + (1,) * (x.ndim - 2))
  new = jnp.where(_wide(own, x.ndim), x, jnp.take_along_axis(y, index, axis=1))
  mask = inside & jnp.where(
    own, mask, jnp.take_along_axis(there, where, axis=1)
  )
  a = first / jnp.maximum(ends[0], 1)
  b = last / jnp.maximum(ends[1], 1)
  real = jnp.where(a + b > 0, a / jnp.where(a + b > 0, a + b, 1.0), share)
  return where_real(new, mask), mask, real


def _columns(own: Pair, other: Pair, share: Share, draws: Key[Array, ' b']):
  """Some columns of a table are the partner's, numbers and categories alike:
  SAINT (https://arxiv.org/abs/2106.01342, equation 3)."""
  (x, masks), (y, theirs) = own, other
  new, mask, kept, all_ = {}, {}, 0, 0
  for number, name in enumerate(sorted(x)):
    shape = x[name].shape[1:]
    keys = jax.vmap(jax.random.fold_in, (0, None))(draws, number)
    draw = jax.vmap(lambda key, s=shape: jax.random.uniform(key, s))(keys)
    # A column that the partner lacks stays.
    taken = (draw >= share[:, None]) & theirs[name]
    mask[name] = masks[name] | taken
    new[name] = where_real(jnp.where(taken, y[name], x[name]), mask[name])
    kept += (masks[name] & ~taken).sum(axis=1)
    all_ += mask[name].sum(axis=1)
  return new, mask, kept / jnp.maximum(all_, 1)


def _wide(x: Array, ndim: int) -> Array:
  return x.reshape(x.shape + (1,) * (ndim - x.ndim))
