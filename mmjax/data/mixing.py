"""Mixup and CutMix: new examples out of two, in all modalities at once.

Mixing runs inside the training step, as a function of a batch and a key for
each example, and not in the pipeline: there every example would be decoded
twice, and pixels are cheap to add where they already are. Partners are drawn
among a few neighbours in the batch, whose order is a shuffle; a group of
neighbours is on one device, so neither the number of devices nor that of
processes changes a mixture, and nothing has to be sent.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float, Int, Key

from mmjax.data import blending
from mmjax.masking import present
from mmjax.types import Batch, InputError

_OURS = ('mask', 'index', 'weight')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mix:
  """Mixes examples of a batch with partners, by one share for all they have.

  The share of the example itself is drawn from Beta(alpha, alpha). By `mixup`
  (https://arxiv.org/abs/1710.09412) pictures, sounds and numbers become
  `share * own + (1 - share) * partner's`. By `cutmix`
  (https://arxiv.org/abs/1905.04899) a rectangle of a picture or video, and the
  end of a sound or sequence, are the partner's, as large as its share. By both
  the last tokens of a text are the partner's (as MixGen joins texts,
  https://arxiv.org/abs/2206.08358, but by the share), and so are some columns
  of a table. Targets are mixed by what was really taken: the mean over the
  example's modalities, since pixels and tokens cannot be divided.

  An example stays as it is whose partner lacks one of its modalities or
  targets, or fills up the batch; what it lacks itself it does not get. So a
  mixture has the modalities of the example, each of them mixed by the share
  that its targets tell.
  """

  kind: Literal['mixup', 'cutmix', 'both'] = 'both'
  """How; `both` draws one of them for each example."""
  alpha: float = 1.0
  """Of the share's distribution: 1 is uniform, less is nearer to 0 and 1."""
  rate: float = 1.0
  """Probability that an example is mixed."""
  keep: tuple[str, ...] = ()
  """Batch keys that stay the example's own, such as numbers of groups."""
  group: int = 8
  """Neighbours in the batch among whom partners are drawn; the number of
  examples on a device is a multiple of it."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    if self.alpha <= 0:
      raise InputError(f'mix.alpha {self.alpha} is not positive')
    if not 0 <= self.rate <= 1:
      raise InputError(f'mix.rate {self.rate} is not a probability, 0 to 1')
    if self.group < 2:
      raise InputError(f'mix.group {self.group} is not at least 2')

  def __call__(
    self,
    batch: Batch,
    keys: Key[Array, ' b'],
    *,
    classes: Mapping[str, Sequence[str]],
  ) -> Batch:
    """The mixed batch.

    Args:
      batch: examples; integer targets in `classes`, others are floats.
      keys: one for each example.
      classes: names of the values of each integer target.

    Returns:
      The batch, pixels as floats in 0..1, and targets of `classes` as
      probabilities `[b classes]`, negative where unknown.

    Raises:
      ValueError: the batch is no multiple of `group`, or holds something that
        cannot be mixed.
    """
    batch = jax.tree.map(jnp.asarray, dict(batch))
    targets, known = _targets(batch, classes, keep=self.keep)
    draw = jax.vmap(self._draw)(keys)
    partner = self._partners(keys)
    here = _has(batch['mask'], known)
    weight = batch['weight']
    fits = draw['mixed'] & (weight > 0) & (weight[partner] > 0)
    fits &= (here[partner] | ~here).all(axis=1)
    share = jnp.where(fits, draw['share'], 1.0)
    mixed, mask, shares = dict(batch), dict(batch['mask']), []
    for column, name in enumerate(sorted(mask)):
      own = batch[name], batch['mask'][name]
      mixed[name], mask[name], real = blending.blend(
        own,
        jax.tree.map(lambda leaf: leaf[partner], own),
        jnp.where(here[:, column], share, 1.0),
        cut=draw['cut'],
        draws=draw['place'],
      )
      shares.append(real)
    # Modalities that an example lacks say nothing.
    counts = here[:, : len(shares)].astype(jnp.float32)
    real = (jnp.stack(shares, axis=1) * counts).sum(axis=1)
    real = jnp.where(fits, real / jnp.maximum(counts.sum(axis=1), 1), 1.0)
    for name, target in targets.items():
      own = real.reshape(real.shape + (1,) * (target.ndim - 1))
      new = own * target + (1 - own) * target[partner]
      # What is unknown, such as NaN, must not come through a product.
      mixed[name] = jnp.where(known[name] & (own < 1), new, target)
    return {**mixed, 'mask': mask}

  def _draw(self, key: Key[Array, '']) -> dict[str, Array]:
    """What is drawn for one example."""
    beta, mixed, kind, place = jax.random.split(key, 4)
    cut = {'mixup': 0.0, 'cutmix': 1.0, 'both': 0.5}[self.kind]
    return {
      'share': jax.random.beta(beta, self.alpha, self.alpha),
      'mixed': jax.random.bernoulli(mixed, self.rate),
      'cut': jax.random.bernoulli(kind, cut),
      'place': place,
    }

  def _partners(self, keys: Key[Array, ' b']) -> Int[Array, ' b']:
    """The row of each row's partner: never itself."""
    rows = keys.shape[0]
    if rows % self.group:
      raise ValueError(
        f'{rows} examples on a device are not a multiple of mix.group '
        f'{self.group}'
      )
    first = keys[:: self.group]

    def of_one(key):
      # A cycle through the group, in a random order.
      order = jax.random.permutation(jax.random.fold_in(key, 4), self.group)
      return jnp.zeros_like(order).at[order].set(jnp.roll(order, 1))

    within = jax.vmap(of_one)(first)
    start = jnp.arange(0, rows, self.group)[:, None]
    return rearrange(start + within, 'g n -> (g n)')


def _targets(
  batch: Batch,
  classes: Mapping[str, Sequence[str]],
  *,
  keep: Sequence[str],
) -> tuple[dict[str, Float[Array, 'b ...']], dict[str, Bool[Array, 'b ...']]]:
  """Everything that is neither input nor ours, as floats; what is known."""
  found, known = {}, {}
  for name in sorted(set(batch) - set(batch['mask']) - {*_OURS, *keep}):
    x = batch[name]
    if name in classes:
      if x.ndim == 1:
        hot = jax.nn.one_hot(x, len(classes[name]))
        x = jnp.where((x >= 0)[:, None], hot, -1.0)
      found[name], known[name] = x.astype(jnp.float32), x >= 0
    elif jnp.issubdtype(x.dtype, jnp.floating):
      found[name], known[name] = x, jnp.isfinite(x)
    else:
      raise ValueError(
        f'mix cannot mix {name!r}, {x.dtype} {list(x.shape)}: neither a '
        'modality nor a number nor one of the classes '
        f'{", ".join(classes) or "(there are none)"}: mix.keep leaves it as it '
        'is'
      )
  return found, known


def _has(
  mask: Mapping[str, Any], known: Mapping[str, Bool[Array, 'b ...']]
) -> Bool[Array, 'b n']:
  """What an example has: modalities first, then values of targets."""
  found = [
    jnp.stack([present(m) for m in jax.tree.leaves(mask[name])]).any(axis=0)
    for name in sorted(mask)
  ]
  rows = found[0].shape[0]
  flat = [known[name].reshape(rows, -1) for name in sorted(known)]
  return jnp.concatenate([jnp.stack(found, axis=1), *flat], axis=1)
