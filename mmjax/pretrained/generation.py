"""What a checkpoint writes: options, and texts that go on from prompts."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mmjax.decoders.beam import BeamSearch
from mmjax.decoders.generate import Decoding, make_generate, make_stream
from mmjax.decoders.logits import MinP, Temperature, TopK, TopP
from mmjax.decoders.sampling import Greedy, Sample
from mmjax.decoders.steps import Generated, Rule
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
  """How to write. Without any of the options of sampling nothing is drawn."""

  max_new_tokens: int | None = None
  """Most token ids that are written; what the checkpoint says, or 20, if
  None."""
  beams: int = 1
  """Texts that a beam search keeps; 1 for none."""
  length_penalty: float = 1.0
  """Exponent of the length by which a beam search divides scores."""
  temperature: float | None = None
  """What the logits are divided by."""
  top_k: int | None = None
  """Draw from so many of the best ids."""
  top_p: float | None = None
  """Draw from the best ids of so much probability together."""
  min_p: float | None = None
  """Draw from the ids of so much of the best one's probability."""
  seed: int = 0
  """Of what is drawn."""
  stop: tuple[int, ...] | None = None
  """Ids that end a text; what the checkpoint says if None."""

  def __post_init__(self):
    """Checks that a search does not draw.

    Raises:
      InputError: it would.
    """
    if self.beams > 1 and self.sampling:
      raise InputError(
        f'beams={self.beams} and temperature, top_k, top_p or min_p: a beam '
        'search draws nothing'
      )

  @property
  def sampling(self) -> tuple[Rule, ...]:
    """The rules for what is drawn."""
    made = {
      'temperature': lambda x: Temperature(value=x),
      'top_k': lambda x: TopK(k=x),
      'top_p': lambda x: TopP(p=x),
      'min_p': lambda x: MinP(p=x),
    }
    values = {name: getattr(self, name) for name in made}
    return tuple(make(values[n]) for n, make in made.items() if values[n])

  def decoding(
    self,
    said: Mapping[str, Any],
    *,
    length: int | None = None,
    rules: tuple[Rule, ...] = (),
  ) -> Decoding:
    """The way to decode.

    Args:
      said: the checkpoint's `generation_config.json`.
      length: most ids, in place of `max_new_tokens`.
      rules: what the next id may be, before anything is drawn.
    """
    stop = self.stop
    if stop is None:
      stop = as_ids(said.get('eos_token_id'))
    pad = said.get('pad_token_id')
    common = {
      'length': length or self.max_new_tokens or said.get('max_new_tokens', 20),
      'stop': stop,
      'pad': (*stop, 0)[0] if pad is None else pad,
    }
    if self.beams > 1:
      return BeamSearch(
        **common,
        beams=self.beams,
        length_penalty=self.length_penalty,
        rules=rules,
      )
    if self.sampling:
      return Sample(**common, rules=(*rules, *self.sampling))
    return Greedy(**common, rules=rules)

  def keys(self, rows: int) -> Any:
    """Randomness of each example; None if nothing is drawn."""
    if not self.sampling:
      return None
    key = jax.random.key(self.seed)
    return jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(rows))


def as_ids(found: Any) -> tuple[int, ...]:
  """One id, several or none, as a JSON file says them."""
  if found is None:
    return ()
  return tuple(found) if isinstance(found, list | tuple) else (found,)


def continue_texts(
  loaded: Any, options: Options, **inputs: Any
) -> dict[str, Any]:
  """Token ids that go on from prompts, and the text that they are.

  Args:
    loaded: `Pretrained` of a causal language model.
    options: how to write.
    **inputs: `text`, as for `Preprocess`.
  """
  run, given = _prepare(loaded, options, make_generate, inputs)
  return named(loaded, run(*given, keys=options.keys(len(given[1]))))


def stream_texts(
  loaded: Any, options: Options, **inputs: Any
) -> Iterator[dict[str, Any]]:
  """The same while it is written: all ids and texts so far, again and again.

  Raises:
    InputError: a beam search, which knows its text only at its end.
  """
  if options.beams > 1:
    raise InputError(f'beams={options.beams}: a beam search has no stream')
  run, given = _prepare(loaded, options, make_stream, inputs)
  parts: list[Generated] = []
  for part in run(*given, keys=options.keys(len(given[1]))):
    parts.append(part)
    three = [*zip(*parts, strict=True)][:3]
    joined: Any = [np.concatenate(some, axis=1) for some in three]
    yield named(
      loaded,
      Generated(
        tokens=joined[0], mask=joined[1], log_p=joined[2], score=part.score
      ),
    )


def named(loaded: Any, found: Generated) -> dict[str, Any]:
  """Under the names that `generate` gives; no column is all padding."""
  tokens, mask = np.asarray(found.tokens), np.asarray(found.mask)
  tokens = tokens[:, : max(1, mask.sum(axis=1).max())]
  rows = [row[: m.sum()].tolist() for row, m in zip(tokens, mask, strict=True)]
  return {'tokens': tokens, 'text': words(loaded, rows)}


def words(loaded: Any, rows: Sequence[Sequence[int]]) -> list[str] | None:
  """Texts of token ids, without special ones; None without a tokenizer."""
  text = loaded.preprocess.text
  tokenizer = None if text is None else text.tokenizer
  if tokenizer is None:
    return None
  return tokenizer.decode_batch([[*row] for row in rows])


def _prepare(
  loaded: Any, options: Options, make: Any, inputs: Mapping[str, Any]
) -> tuple[Any, tuple[Any, Any, Any]]:
  """The compiled program, and what it is given."""
  batch = loaded.preprocess(**inputs)
  if set(batch['mask']) != {'text'}:
    raise InputError('this checkpoint goes on from text alone')
  text, mask = batch['text'], batch['mask']['text']
  if not mask.any(axis=1).all():
    empty = int(np.argmin(mask.any(axis=1)))
    raise InputError(f'text {empty} has no token: there is nothing to go on')
  run = loaded.program(make, options.decoding(loaded.generation))
  return run, (loaded.variables, jnp.asarray(text), jnp.asarray(mask))
