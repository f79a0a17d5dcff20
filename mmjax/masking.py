"""Masks: True is real. Nothing that a mask hides may change a result."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, Shaped

from mmjax.types import Batch


def _right_broadcast(mask: Array, ndim: int) -> Array:
  return mask.reshape(mask.shape + (1,) * (ndim - mask.ndim))


def where_real(
  x: Shaped[Array, '...'], mask: Bool[Array, '...']
) -> Shaped[Array, '...']:
  """Replaces what is not real by zero, NaN and infinity included.

  Args:
    x: array whose leading axes are those of `mask`.
    mask: True where `x` is real.

  Returns:
    `x`, zero where `mask` is False; no gradient flows there either.
  """
  return jnp.where(_right_broadcast(mask, x.ndim), x, jnp.zeros((), x.dtype))


def full_precision(x: Shaped[Array, '...']) -> Float[Array, '...']:
  """The array in float32; in float64 if it is that already."""
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def present(mask: Bool[Array, 'b ...']) -> Bool[Array, ' b']:
  """Whether each example has anything real of a modality."""
  return mask.reshape(mask.shape[0], -1).any(axis=1)


def masked_mean(
  x: Float[Array, 'b n d'], mask: Bool[Array, 'b n']
) -> Float[Array, 'b d']:
  """Mean over the real tokens; zero for an example that has none."""
  count = mask.sum(axis=1, keepdims=True, dtype=x.dtype)
  return where_real(x, mask).sum(axis=1) / jnp.maximum(count, 1)


def masked_softmax(
  logits: Float[Array, '*b n'], mask: Bool[Array, '#*b #n']
) -> Float[Array, '*b n']:
  """Softmax over the real entries of the last axis, in full precision.

  Args:
    logits: scores.
    mask: which entries take part; broadcasts against `logits`.

  Returns:
    Probabilities in the dtype of `logits`, exactly zero where masked. A row
    with nothing real is all zeros (and so has no gradient).
  """
  x = jnp.where(mask, full_precision(logits), -jnp.inf)
  top = jax.lax.stop_gradient(jnp.max(x, axis=-1, keepdims=True))
  top = jnp.where(jnp.isfinite(top), top, 0.0)
  exp = jnp.where(mask, jnp.exp(jnp.where(mask, x - top, 0.0)), 0.0)
  total = exp.sum(axis=-1, keepdims=True)
  return (exp / jnp.where(total > 0, total, 1.0)).astype(logits.dtype)


def keep_modalities(batch: Batch, names: tuple[str, ...]) -> Batch:
  """The batch as if every modality but `names` were absent.

  Raises:
    ValueError: `names` holds a modality that the batch does not have.
  """
  unknown = [name for name in names if name not in batch['mask']]
  if unknown:
    raise ValueError(
      f'no modality {unknown[0]!r} in the batch, which has '
      f'{sorted(batch["mask"])}'
    )
  mask = {
    name: m if name in names else jax.tree.map(jnp.zeros_like, m)
    for name, m in batch['mask'].items()
  }
  return {**batch, 'mask': mask}


def drop_modalities(
  batch: Batch,
  keys: Key[Array, ' b'],
  rates: Mapping[str, float],
) -> Batch:
  """Makes modalities absent at random, each example by its own key.

  An example never loses everything: where every modality that it has would
  go, one of them, drawn at random, stays.

  Args:
    batch: the batch; only its masks change.
    keys: one key for each example, `[b]`.
    rates: probability of dropping each modality.

  Returns:
    The batch with new masks. `Modality dropout` after Neverova et al., ModDrop
    (https://arxiv.org/abs/1501.00102).
  """
  names = sorted(rates)
  here = jnp.stack([_here(batch['mask'][name]) for name in names], axis=1)

  def keep_of_one(key, here):
    draw, pick = jax.random.split(key)
    rate = jnp.asarray([rates[name] for name in names])
    keep = here & (jax.random.uniform(draw, rate.shape) >= rate)
    spare = jnp.argmax(
      jnp.where(here, jax.random.uniform(pick, rate.shape), -1)
    )
    saved = here & (jnp.arange(len(names)) == spare)
    return jnp.where(keep.any(), keep, saved)

  keep = jax.vmap(keep_of_one)(keys, here)
  mask = dict(batch['mask'])
  for i, name in enumerate(names):
    kept = keep[:, i]
    mask[name] = jax.tree.map(
      lambda m, kept=kept: m & _right_broadcast(kept, m.ndim), mask[name]
    )
  return {**batch, 'mask': mask}


def _here(mask) -> Array:
  """`present` for a mask that may be a tree (tabular columns)."""
  return jnp.any(jnp.stack([present(m) for m in jax.tree.leaves(mask)]), axis=0)
