"""Decoding one token after the other: the best one, or one drawn at random."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from mmjax.decoders.steps import (
  Generated,
  Rule,
  State,
  Step,
  Written,
  apply_rules,
  prefill,
  stops,
  until_stop,
)
from mmjax.layers.cache import Slots
from mmjax.masking import full_precision

Keys = Key[Array, ' b'] | None
"""One for each example; None where nothing is drawn."""


class Carry(NamedTuple):
  """Where decoding stands.

  Attributes:
    count: ids that were generated so far.
    last: the newest ones.
    done: which examples have ended.
    tokens: the ids.
    log_p: of each by the model alone.
    slots: which slots of the cache are real.
    state: the cache.
  """

  count: Int[Array, '']
  last: Int[Array, ' b']
  done: Bool[Array, ' b']
  tokens: Int[Array, 'b t']
  log_p: Float[Array, 'b t']
  slots: Bool[Array, 'b m']
  state: State


@dataclasses.dataclass(frozen=True, kw_only=True)
class Greedy:
  """Takes the best next id each time.

  It is one program: reading the prompts and a loop over what follows, which
  ends when all examples have.

  Example:
    `Greedy(length=20, stop=(2,))(make_step(model, variables), text, mask)`.
  """

  length: int = 64
  """Most ids that are generated."""
  stop: tuple[int, ...] = ()
  """Ids that end a text."""
  pad: int = 0
  """What stands behind them."""
  rules: tuple[Rule, ...] = ()
  """What the next id may be, in this order: `decoders/logits.py`."""

  def __post_init__(self):
    """Checks the length."""
    if self.length < 1:
      raise ValueError(f'length {self.length} is below 1')

  def __call__(
    self,
    step: Step,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    keys: Keys = None,
  ) -> Generated:
    """Continues prompts of any lengths.

    Args:
      step: the model's, `make_step`.
      text: ids of the prompts, any value where masked.
      mask: which are real; at least one of each.
      keys: randomness of each example.
    """
    carry = self.begin(step, text, mask, keys)
    return self.result(self.advance(step, carry, self.length, keys))

  def begin(
    self,
    step: Step,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    keys: Keys = None,
  ) -> Carry:
    """Reads the prompts and gives the first id behind each."""
    logits, state, slots = prefill(step, text, mask, self.length)
    b = len(text)
    carry = Carry(
      count=jnp.zeros((), jnp.int32),
      last=jnp.zeros(b, jnp.int32),
      done=jnp.zeros(b, bool),
      tokens=jnp.full((b, self.length), self.pad, jnp.int32),
      log_p=jnp.zeros((b, self.length), full_precision(logits).dtype),
      slots=slots,
      state=state,
    )
    return self._write(carry, logits, keys)

  def advance(
    self,
    step: Step,
    carry: Carry,
    until: Int[Array, ''] | int,
    keys: Keys = None,
  ) -> Carry:
    """Goes on until there are so many ids, or all examples have ended."""
    before = carry.slots.shape[1] - (self.length - 1)

    def again(carry: Carry) -> Array:
      return (carry.count < until) & ~carry.done.all()

    def once(carry: Carry) -> Carry:
      slot = before + carry.count - 1
      real = ~carry.done[:, None]
      slots = jax.lax.dynamic_update_slice_in_dim(
        carry.slots, real, slot, axis=1
      )
      logits, state = step(
        carry.last[:, None], real, Slots(slot, slots), carry.state
      )
      carry = carry._replace(slots=slots, state=state)
      return self._write(carry, logits, keys)

    return jax.lax.while_loop(again, once, carry)

  def result(self, carry: Carry) -> Generated:
    """What there is when all is done."""
    mask = until_stop(carry.tokens, self.stop)
    score = jnp.where(mask, carry.log_p, 0.0).sum(axis=1)
    return Generated(carry.tokens, mask, carry.log_p, score)

  def choose(
    self,
    scores: Float[Array, 'b v'],
    count: Int[Array, ''],
    keys: Keys,
  ) -> Int[Array, ' b']:
    """The next id of each."""
    del count, keys
    return jnp.argmax(scores, axis=-1).astype(jnp.int32)

  def _write(
    self, carry: Carry, logits: Float[Array, 'b v'], keys: Keys
  ) -> Carry:
    logits = full_precision(logits)
    written = Written(carry.tokens, carry.count)
    scores = apply_rules(self.rules, logits, written)
    new = self.choose(scores, carry.count, keys)
    new = jnp.where(carry.done, self.pad, new)
    log_p = jax.nn.log_softmax(logits)
    log_p = jnp.take_along_axis(log_p, new[:, None], axis=1)
    log_p = jnp.where(carry.done[:, None], 0.0, log_p)
    put = jax.lax.dynamic_update_slice_in_dim
    return carry._replace(
      count=carry.count + 1,
      last=new,
      done=carry.done | stops(new, self.stop),
      tokens=put(carry.tokens, new[:, None], carry.count, axis=1),
      log_p=put(carry.log_p, log_p, carry.count, axis=1),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample(Greedy):
  """Draws each id from the distribution that the rules leave.

  An example draws the same by its own key, whatever else is in the batch.

  Example:
    `Sample(rules=(Temperature(value=0.8), TopK(k=40), TopP(p=0.95)))`.
  """

  def choose(
    self,
    scores: Float[Array, 'b v'],
    count: Int[Array, ''],
    keys: Keys,
  ) -> Int[Array, ' b']:
    """Draws.

    Raises:
      ValueError: there are no keys.
    """
    if keys is None:
      raise ValueError('sampling needs keys, one for each example')
    keys = jax.vmap(jax.random.fold_in, (0, None))(keys, count)
    drawn = jax.vmap(jax.random.categorical)(keys, scores)
    return drawn.astype(jnp.int32)
