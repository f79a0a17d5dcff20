"""Beam search: the best few texts so far go on side by side."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange, repeat
from jaxtyping import Array, Bool, Float, Int

from mmjax.decoders.steps import (
  Generated,
  Rule,
  State,
  Step,
  Written,
  apply_rules,
  prefill,
  stops,
  take_rows,
  until_stop,
)
from mmjax.layers.cache import Slots
from mmjax.masking import full_precision

# The score of what is out of the race: finite, as differences of it are taken.
_OUT = -1e9


class Beams(NamedTuple):
  """Texts of each example, the best first.

  Attributes:
    score: sums of log-probabilities, or what the length penalty makes of them.
    tokens: ids.
    log_p: of each id by the model alone.
    ended: which of them are whole.
  """

  score: Float[Array, 'b k']
  tokens: Int[Array, 'b k t']
  log_p: Float[Array, 'b k t']
  ended: Bool[Array, 'b k']

  def take(self, places: Int[Array, 'b j']) -> 'Beams':
    """Those of these places."""
    return Beams(*(_pick(x, places) for x in self))


class Carry(NamedTuple):
  """Where the search stands.

  Attributes:
    count: ids that were generated so far.
    open: which examples may still find something better.
    dead: whether nothing can go on.
    running: texts that go on.
    finished: texts that have ended.
    slots: which slots of the cache are real.
    state: the cache of the running ones.
  """

  count: Int[Array, '']
  open: Bool[Array, ' b']
  dead: Bool[Array, '']
  running: Beams
  finished: Beams
  slots: Bool[Array, 'bk m']
  state: State


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeamSearch:
  """Keeps the `beams` best texts, and gives the best that has ended.

  The score of one that has is the sum of the log-probabilities of its ids over
  `length ** length_penalty`. An example is done when none of its running texts
  could become better than the worst of as many ended ones, as
  transformers has it where `early_stopping` is False.
  """

  beams: int = 5
  """How many texts go on."""
  length: int = 64
  """Most ids that are generated; what reaches it has ended."""
  length_penalty: float = 1.0
  """Above 0 longer texts are better than their sums, below 0 shorter ones."""
  stop: tuple[int, ...] = ()
  """Ids that end a text."""
  pad: int = 0
  """What stands behind them."""
  rules: tuple[Rule, ...] = ()
  """What the next id may be, in this order: `decoders/logits.py`."""

  def __post_init__(self):
    """Checks the numbers."""
    for name in ('beams', 'length'):
      if getattr(self, name) < 1:
        raise ValueError(f'{name} {getattr(self, name)} is below 1')

  def __call__(
    self,
    step: Step,
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    keys: None = None,
  ) -> Generated:
    """Continues prompts of any lengths.

    Args:
      step: the model's, `make_step`.
      text: ids of the prompts, any value where masked.
      mask: which are real; at least one of each.
      keys: nothing is drawn.
    """
    del keys
    logits, state, slots = prefill(step, text, mask, self.length)
    b = len(text)
    rows = repeat(jnp.arange(b), 'b -> (b k)', k=self.beams)
    nothing = self._nothing(b, full_precision(logits).dtype)
    # At first all beams are one: only the first may go on.
    only = jnp.where(jnp.arange(self.beams) == 0, 0.0, _OUT)
    first = jnp.broadcast_to(only[None], nothing.score.shape)
    carry = Carry(
      count=jnp.zeros((), jnp.int32),
      open=jnp.ones(b, bool),
      dead=jnp.zeros((), bool),
      running=nothing._replace(score=first.astype(nothing.score.dtype)),
      finished=nothing,
      slots=slots[rows],
      state=take_rows(state, rows, ('cache', 'context')),
    )
    carry = jax.lax.while_loop(
      lambda carry: carry.open.any() & ~carry.dead,
      lambda carry: self._choose(*self._run(step, carry)),
      self._choose(carry, logits[rows]),
    )
    tokens = carry.finished.tokens[:, 0]
    return Generated(
      tokens,
      until_stop(tokens, self.stop),
      carry.finished.log_p[:, 0],
      carry.finished.score[:, 0],
    )

  def _nothing(self, b: int, dtype: Any) -> Beams:
    shape = (b, self.beams, self.length)
    return Beams(
      score=jnp.full(shape[:2], _OUT, dtype),
      tokens=jnp.full(shape, self.pad, jnp.int32),
      log_p=jnp.zeros(shape, dtype),
      ended=jnp.zeros(shape[:2], bool),
    )

  def _run(self, step: Step, carry: Carry) -> tuple[Carry, Array]:
    """Runs the model on the newest ids."""
    slot = carry.slots.shape[1] - self.length + carry.count
    last = rearrange(carry.running.tokens, 'b k t -> (b k) t')
    last = jnp.take(last, carry.count - 1, axis=1)[:, None]
    real = jnp.ones(last.shape, bool)
    slots = jax.lax.dynamic_update_slice_in_dim(carry.slots, real, slot, axis=1)
    logits, state = step(last, real, Slots(slot, slots), carry.state)
    return carry._replace(slots=slots, state=state), logits

  def _choose(self, carry: Carry, logits: Float[Array, 'bk v']) -> Carry:
    """Lets the best texts go on by one id each."""
    count, k = carry.count + 1, self.beams
    beam, grown = self._continue(carry, full_precision(logits))
    over = jnp.where(grown.ended, _OUT, grown.score)
    kept = jax.lax.top_k(over, k)[1]
    running = grown._replace(score=over).take(kept)
    # Those behind the first `beams` are here only to go on.
    first = jnp.arange(grown.score.shape[1])[None] < k
    ended = grown.ended & first & carry.open[:, None]
    length = count.astype(grown.score.dtype) ** self.length_penalty
    score = jnp.where(ended, grown.score / length, _OUT)
    both = Beams(
      *(
        jnp.concatenate(pair, axis=1)
        for pair in zip(
          carry.finished,
          grown._replace(score=score, ended=ended),
          strict=True,
        )
      )
    )
    finished = both.take(jax.lax.top_k(both.score, k)[1])
    worst = finished.score.min(axis=1, keepdims=True)
    worst = jnp.where(finished.ended, worst, _OUT)
    hope = running.score[:, :1] / length > worst
    rows = jnp.arange(len(beam))[:, None] * k + _pick(beam, kept)
    return Carry(
      count=count,
      open=carry.open & hope.any(axis=1),
      dead=grown.ended.all(),
      running=running,
      finished=finished,
      slots=carry.slots,
      # What is listened to is the same for all beams of an example.
      state=take_rows(carry.state, rows.reshape(-1), ('cache',)),
    )

  def _continue(
    self, carry: Carry, logits: Float[Array, 'bk v']
  ) -> tuple[Int[Array, 'b j'], Beams]:
    """The best texts of one more id: which beam each comes from, and they.

    There are so many that, if all that can end do, `beams` are left to go on.
    """
    running, count = carry.running, carry.count
    log_p = jax.nn.log_softmax(logits)
    written = Written(
      rearrange(running.tokens, 'b k t -> (b k) t'), carry.count
    )
    scores = apply_rules(self.rules, log_p, written)
    v, k = logits.shape[-1], self.beams
    flat = '(b k) v -> b (k v)'
    total = rearrange(scores, flat, k=k) + repeat(
      running.score, 'b k -> b (k v)', v=v
    )
    wide = min(max(2, 1 + len(self.stop)), v) * k
    score, place = jax.lax.top_k(total, wide)
    beam, new = place // v, (place % v).astype(jnp.int32)
    told = _pick(rearrange(log_p, flat, k=k), place)
    grown = running.take(beam)
    put = jax.lax.dynamic_update_slice_in_dim
    grown = Beams(
      score=score,
      tokens=put(grown.tokens, new[..., None], count, axis=2),
      log_p=put(grown.log_p, told[..., None], count, axis=2),
      ended=stops(new, self.stop) | (count + 1 >= self.length),
    )
    return beam, grown


def _pick(x: Array, places: Int[Array, 'b j']) -> Array:
  """What stands at these places of the second axis."""
  places = places.reshape(*places.shape, *(1,) * (x.ndim - 2))
  return jnp.take_along_axis(x, places, axis=1)
