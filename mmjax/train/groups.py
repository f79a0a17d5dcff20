"""Groups of parameters: learning rates of their own, or none at all."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import optax

from mmjax.paths import (
  check_patterns,
  first_match,
  map_named,
  named_leaves,
  require_matches,
)

# A block of a stack; `blocks` holds a scanned stack, layer by layer along the
# first axis of its leaves.
_BLOCK = re.compile(r'(?:.*_)?(?:block|down)_(\d+)')
_SCANNED = 'blocks'
# What an encoder does before its blocks.
_STEM = ('patches', 'embed', 'positions', 'class_token')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Groups:
  """Which parameters learn slower, faster or not at all.

  Patterns are regular expressions, searched for in a parameter's path, such as
  `encoders_text/transformer/block_0/mlp/up/kernel`; of several that fit the
  first decides. A pattern that fits nothing is an error.
  """

  rates: Mapping[str, float] = dataclasses.field(default_factory=dict)
  """Pattern -> factor of the learning rate."""
  layer_decay: Mapping[str, float] = dataclasses.field(default_factory=dict)
  """Pattern -> factor of the rate from one block down to the one below; what
  stands before the blocks counts as one more. `rates` multiply this."""
  frozen: tuple[str, ...] = ()
  """Patterns of what does not learn: no gradient, no update, no optimiser
  memory."""
  only: tuple[str, ...] = ()
  """Patterns of what alone learns, `frozen` aside; everything if empty."""

  def __post_init__(self):
    """Checks patterns and ranges."""
    check_patterns('rates', [*self.rates])
    check_patterns('layer_decay', [*self.layer_decay])
    check_patterns('frozen', self.frozen)
    check_patterns('only', self.only)
    for pattern, rate in self.rates.items():
      if rate <= 0:
        raise ValueError(
          f'rates {pattern!r} {rate} is not positive; `frozen` stops learning'
        )
    for pattern, decay in self.layer_decay.items():
      if not 0 < decay <= 1:
        raise ValueError(f'layer_decay {pattern!r} {decay} is not in (0, 1]')

  @property
  def learns(self) -> Callable[[Any], Any] | None:
    """`trainable`, or None where everything learns."""
    return self.trainable if self.frozen or self.only else None

  def trainable(self, params: Any) -> Any:
    """True for each leaf that learns.

    Raises:
      InputError: a pattern of `frozen` or `only` matches no parameter.
    """
    names = [*named_leaves(params)]
    require_matches('frozen', self.frozen, names)
    require_matches('only', self.only, names)

    def learns(name, _):
      chosen = not self.only or first_match(self.only, name) is not None
      return chosen and first_match(self.frozen, name) is None

    return map_named(learns, params)

  def multipliers(self, params: Any) -> Any:
    """What each leaf's learning rate is multiplied by.

    A number, or an array that broadcasts against the leaf: one number for each
    layer of a scanned stack.

    BEiT, section 3.1 (https://arxiv.org/abs/2106.08254), has the decay: block
    `i` of `n` gets `decay ** (n - i)`, what stands before them
    `decay ** (n + 1)`, what follows 1.

    Raises:
      InputError: a pattern matches no parameter.
    """
    leaves = named_leaves(params)
    require_matches('rates', [*self.rates], [*leaves])
    require_matches('layer_decay', [*self.layer_decay], [*leaves])
    depths = _depths(leaves)

    def multiplier(name, leaf):
      pattern = first_match([*self.rates], name)
      rate = 1.0 if pattern is None else self.rates[pattern]
      pattern = first_match([*self.layer_decay], name)
      if pattern is None:
        return rate
      below = _layers_above(name, leaf, depths)
      return rate * self.layer_decay[pattern] ** below

    return map_named(multiplier, params)

  def apply(
    self, tx: optax.GradientTransformation
  ) -> optax.GradientTransformation:
    """The transformation with its updates scaled, and none where frozen.

    Frozen leaves are hidden from `tx`: their gradients count in no norm.
    """
    if self.learns is not None:
      tx = optax.partition(
        {'learns': tx, 'frozen': optax.set_to_zero()}, self._labels
      )
    if self.rates or self.layer_decay:
      tx = optax.chain(tx, self._scale())
    return tx

  def _labels(self, params: Any) -> Any:
    return jax.tree.map(
      lambda learns: 'learns' if learns else 'frozen', self.trainable(params)
    )

  def _scale(self) -> optax.GradientTransformation:
    def init(params):
      # Fails early: at the first trace, before anything is written.
      self.multipliers(params)
      return optax.EmptyState()

    def update(updates, state, params=None):
      del params
      factors = self.multipliers(updates)
      scaled = jax.tree.map(
        lambda u, factor: u * np.asarray(factor, u.dtype), updates, factors
      )
      return scaled, state

    return optax.GradientTransformation(init, update)


def _depths(leaves: Mapping[str, Any]) -> dict[tuple[str, ...], int]:
  """Path of a stack -> its number of blocks."""
  depths: dict[tuple[str, ...], int] = {}
  for name, leaf in leaves.items():
    found = _block(name.split('/'))
    if found is not None:
      stack, index = found
      depth = leaf.shape[0] if index is None else index + 1
      depths[stack] = max(depths.get(stack, 0), depth)
  return depths


def _block(
  keys: Sequence[str],
) -> tuple[tuple[str, ...], int | None] | None:
  """Path of the stack that holds a leaf, and the block (None if scanned)."""
  for i, key in enumerate(keys[:-1]):
    if key == _SCANNED:
      return tuple(keys[:i]), None
    match = _BLOCK.fullmatch(key)
    if match:
      return tuple(keys[:i]), int(match[1])
  return None


def _layers_above(
  name: str, leaf: Any, depths: Mapping[tuple[str, ...], int]
) -> int | np.ndarray:
  """How many layers lie between a leaf and what follows its stack."""
  keys = name.split('/')
  found = _block(keys)
  if found is not None:
    stack, index = found
    if index is not None:
      return depths[stack] - index
    above = np.arange(depths[stack], 0, -1)
    return above.reshape(-1, *(1,) * (leaf.ndim - 1))
  for i, key in enumerate(keys):
    if key in _STEM:
      inside = [
        depth for stack, depth in depths.items() if stack[:i] == tuple(keys[:i])
      ]
      return max(inside, default=0) + 1
  return 0
