"""What every way to decode has in common: prompts, a model's step, results."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mmjax.layers.cache import Slots
from mmjax.types import Tokens

Heard = Tokens | Mapping[str, Tokens] | tuple[Any, ...]
"""What a model listens to, as its method `listen` gives it."""
State = Mapping[str, Any]
"""The collections `cache` and `context` (`mmjax/layers/cache.py`)."""
Step = Callable[..., tuple[Array, State]]
"""`(text [b t], mask [b t], slots, state) -> (logits [b vocabulary], state)`,
of what comes behind the last id; the state of the first call is None."""


class Generated(NamedTuple):
  """What was generated behind each prompt.

  Attributes:
    tokens: ids; those behind the one that stopped an example are padding.
    mask: which are real, the one that stopped it among them.
    log_p: of each id, by the model alone: no rule, no temperature.
    score: by which a beam search chose; else the sum of `log_p`.
  """

  tokens: Int[Array, 'b t']
  mask: Bool[Array, 'b t']
  log_p: Float[Array, 'b t']
  score: Float[Array, ' b']


class Written(NamedTuple):
  """What was generated so far, for rules to look at.

  Attributes:
    tokens: ids; of no meaning from `count` on.
    count: how many there are.
  """

  tokens: Int[Array, 'b t']
  count: Int[Array, ''] | int


Rule = Callable[[Array, Written], Array]
"""`(scores [b v], written) -> scores`; minus infinity forbids an id."""


def bare(
  model: nn.Module, variables: Mapping[str, Any]
) -> tuple[nn.Module, Mapping[str, Any]]:
  """A model and its variables without what wraps it, such as LoRA.

  Corrections of kernels are added to them once, and not for every id.
  """
  wrapper: Any = model
  if hasattr(model, 'bare'):
    return wrapper.bare(variables)
  return model, variables


def make_step(
  model: nn.Module, variables: Mapping[str, Any], context: Heard | None = None
) -> Step:
  """A model's step.

  Args:
    model: it has a method `decode`, such as `LanguageModel` and `Generative`.
    variables: its parameters, and other collections.
    context: what it listens to, if it does.
  """

  def step(
    text: Array, mask: Array, slots: Slots, state: State | None
  ) -> tuple[Array, State]:
    given = ()
    collections = ['cache']
    if state is None:
      given = () if context is None else (context,)
      collections = ['cache', 'context']
    logits, changed = model.apply(
      {**variables, **(state or {})},
      text,
      mask,
      slots,
      *given,
      method='decode',
      mutable=collections,
    )
    return logits, {**(state or {}), **changed}

  return step


def align_right(
  text: Int[Array, 'b t'], mask: Bool[Array, 'b t']
) -> tuple[Int[Array, 'b t'], Bool[Array, 'b t']]:
  """Moves the real ids to the end, so that all texts go on at one slot."""
  order = jnp.argsort(mask, axis=1, stable=True)
  text, mask = (jnp.take_along_axis(x, order, axis=1) for x in (text, mask))
  return jnp.where(mask, text, 0), mask


def prefill(
  step: Step, text: Int[Array, 'b t'], mask: Bool[Array, 'b t'], length: int
) -> tuple[Float[Array, 'b vocabulary'], State, Bool[Array, 'b m']]:
  """Reads the prompts, with room for what follows.

  Returns:
    Logits of the first id that follows, the state, and which slots are real.
  """
  text, mask = align_right(text, mask)
  # What the last id that is generated would tell is not asked for.
  slots = jnp.pad(mask, ((0, 0), (0, length - 1)))
  logits, state = step(text, mask, Slots(0, slots), None)
  return logits, state, slots


def take_rows(state: State, rows: Int[Array, ' r'], names: Sequence[str]):
  """The state of these rows of the batch, in the collections of these names."""
  return {
    name: jax.tree.map(lambda x: jnp.take(x, rows, axis=x.ndim - 4), tree)
    if name in names
    else tree
    for name, tree in state.items()
  }


def stops(tokens: Int[Array, '*b'], stop: Sequence[int]) -> Bool[Array, '*b']:
  """Which ids end a text."""
  found = jnp.zeros(tokens.shape, bool)
  for one in stop:
    found = found | (tokens == one)
  return found


def until_stop(
  tokens: Int[Array, 'b t'], stop: Sequence[int]
) -> Bool[Array, 'b t']:
  """Which ids come no later than the first that ends the text."""
  ends = stops(tokens, stop).astype(jnp.int32)
  return jnp.cumsum(ends, axis=1) - ends == 0


def apply_rules(
  rules: Sequence[Rule], scores: Float[Array, 'b v'], written: Written
) -> Float[Array, 'b v']:
  """All rules, one behind the other."""
  for rule in rules:
    scores = rule(scores, written)
  return scores
