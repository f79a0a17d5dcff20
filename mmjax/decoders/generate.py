"""Compiled programs that write, for a model that decodes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jaxtyping import Array, Bool, Int

from mmjax.decoders.beam import BeamSearch
from mmjax.decoders.sampling import Greedy, Keys
from mmjax.decoders.steps import Generated, Step, bare, make_step
from mmjax.types import Batch

Decoding = Greedy | BeamSearch


def make_generate(
  model: nn.Module, decoding: Decoding
) -> Callable[..., Generated]:
  """A function that writes a text for each example, one program per shape.

  Args:
    model: `LanguageModel`, `Generative` or another one with `decode`, and with
      `listen` if it listens to something.
    decoding: Greedy, Sample or BeamSearch.

  Returns:
    `(variables, text, mask, *, batch=None, keys=None) -> Generated`: `text`
    and `mask` are the prompts, `batch` what the model listens to.
  """

  @jax.jit
  def generate(
    variables: Mapping[str, Any],
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    *,
    batch: Batch | None = None,
    keys: Keys = None,
  ) -> Generated:
    step = step_of(model, variables, batch)
    given: Any = keys
    return decoding(step, text, mask, given)

  return generate


def make_stream(
  model: nn.Module, decoding: Greedy, *, chunk: int = 8
) -> Callable[..., Iterator[Generated]]:
  """A function that gives what it writes while it writes.

  It runs a compiled loop over `chunk` ids at a time and looks at the result in
  between, so whoever reads slowly or stops costs nothing. Callbacks from
  inside of one loop would need a device that can call its host, could not be
  stopped, and would interrupt it for every id.

  Args:
    model: `LanguageModel`, `Generative` or another one with `decode`.
    decoding: Greedy or Sample; a beam search knows its text only at its end.
    chunk: ids from one look to the next.

  Returns:
    `(variables, text, mask, *, batch=None, keys=None)`, an iterator over
    Generated of the new ids, each with as many columns as there are.
  """

  @jax.jit
  def begin(variables, text, mask, batch, keys):
    return decoding.begin(step_of(model, variables, batch), text, mask, keys)

  # What is listened to is in the state by now.
  @jax.jit
  def advance(variables, carry, until, keys):
    step = make_step(*bare(model, variables))
    return decoding.advance(step, carry, until, keys)

  def stream(
    variables: Mapping[str, Any],
    text: Int[Array, 'b t'],
    mask: Bool[Array, 'b t'],
    *,
    batch: Batch | None = None,
    keys: Keys = None,
  ) -> Iterator[Generated]:
    carry, given = begin(variables, text, mask, batch, keys), 0
    while True:
      found = decoding.result(carry)
      count = int(carry.count)
      new = slice(given, count)
      parts: Any = [np.asarray(x)[:, new] for x in found[:3]]
      score: Any = np.where(parts[1], parts[2], 0.0).sum(axis=1)
      yield Generated(
        tokens=parts[0], mask=parts[1], log_p=parts[2], score=score
      )
      if count >= decoding.length or bool(carry.done.all()):
        return
      given = count
      until = min(count + chunk, decoding.length)
      carry = advance(variables, carry, until, keys)

  return stream


def step_of(
  model: nn.Module, variables: Mapping[str, Any], batch: Batch | None
) -> Step:
  """The model's step, which listens to the batch if there is one."""
  model, variables = bare(model, variables)
  if batch is None:
    return make_step(model, variables)
  found: Any = model.apply(variables, batch, method='listen')
  return make_step(model, variables, found[1])
