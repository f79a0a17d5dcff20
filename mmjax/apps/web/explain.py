"""Why a checkpoint answers as it does, for one example."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float
from scipy import special

from mmjax.apps.web import maps
from mmjax.data.audio import RATE
from mmjax.evaluators.left_out import LeftOut, leave_one_out
from mmjax.evaluators.occlusion import (
  occlude_audio,
  occlude_image,
  sound_length,
)
from mmjax.evaluators.rollout import Attention
from mmjax.types import Batch

_ROWS = 16  # variants of the example that run at once


class Map(NamedTuple):
  """A drawing of what mattered.

  Attributes:
    caption: what it shows.
    png: the drawing.
  """

  caption: str
  png: bytes


@dataclasses.dataclass(frozen=True)
class Explainer:
  """Runs many variants of one example through one compiled program."""

  model: Any
  """A linen module that gives `logits`."""
  variables: Mapping[str, Any]
  """Its variables."""
  rate: int = RATE
  """Samples per second of its sounds."""
  kinds: Mapping[str, str] = dataclasses.field(default_factory=dict)
  """Head -> `sigmoid` where its classes do not exclude each other."""

  def score(self, batch: Batch, *, head: str) -> Float[np.ndarray, 'b c']:
    """Log-probabilities of a head's classes, for a batch of any length."""
    length = len(jax.tree.leaves(batch)[0])
    sigmoid = self.kinds.get(head) == 'sigmoid'
    to_log = special.log_expit if sigmoid else _log_softmax
    found = []
    for start in range(0, length, _ROWS):
      rows = np.minimum(np.arange(start, start + _ROWS), length - 1)
      part = jax.tree.map(lambda x, rows=rows: np.asarray(x)[rows], dict(batch))
      logits = self._logits(self.variables, part)[head]
      found.append(to_log(np.asarray(logits, np.float64)))
    return np.concatenate(found)[:length]

  def left_out(self, batch: Batch, *, head: str) -> LeftOut:
    """What a head says with all, and without each modality."""
    return leave_one_out(functools.partial(self.score, head=head), batch)

  def drawn(self, batch: Batch, *, head: str, answer: int, name: str):
    """Maps of what mattered for an answer, which is called `name`.

    Where it mattered is asked by covering parts, whatever the model is made
    of; where it has attention over places, there is a map of that, too.
    """
    score = functools.partial(self.score, head=head)
    looked = self._attention(self.variables, dict(batch))
    found: list[Map] = []
    if _has(batch, 'image'):
      pixels = _bytes(np.asarray(batch['image'])[0])
      values = occlude_image(score, batch, answer=answer)
      drawn = maps.over_picture(pixels, values, signed=True)
      found.append(Map(_covered('picture', 'blurred', name, values), drawn))
      if 'image' in looked:
        values = np.asarray(looked['image'][0], np.float64)
        drawn = maps.over_picture(pixels, values, signed=False)
        found.append(Map(_LOOKED.format('picture'), drawn))
    if _has(batch, 'audio'):
      length = sound_length(batch)
      samples = np.asarray(batch['audio'])[0, :length]
      values = occlude_audio(score, batch, answer=answer, rate=self.rate)
      drawn = maps.over_sound(samples, values, signed=True, rate=self.rate)
      found.append(Map(_covered('sound', 'silenced', name, values), drawn))
      if 'audio' in looked:
        values = np.asarray(looked['audio'][0], np.float64).T
        share = length / np.shape(batch['audio'])[1]
        real = values[:, : max(1, round(share * values.shape[1]))]
        drawn = maps.over_sound(samples, real, signed=False, rate=self.rate)
        found.append(Map(_LOOKED.format('sound'), drawn))
    return found

  @functools.cached_property
  def _logits(self) -> Any:
    return jax.jit(lambda v, batch: self.model.apply(v, batch)['logits'])

  @functools.cached_property
  def _attention(self) -> Any:
    look = Attention()
    return jax.jit(lambda v, batch: look(self.model, v, batch))


_LOOKED = 'Attention: where the encoder of the {} looked, whatever it was asked'


def _covered(what: str, done: str, name: str, values: np.ndarray) -> str:
  """What a map by covering shows."""
  most = 1 - np.exp(-max(float(values.max()), 0.0))
  return (
    f'Parts of the {what} {done}: red speaks for {name}, blue against; the '
    f'strongest part takes {most:.0%} of its probability away'
  )


_log_softmax = functools.partial(special.log_softmax, axis=-1)


def _has(batch: Batch, name: str) -> bool:
  return name in batch['mask'] and bool(np.any(batch['mask'][name]))


def _bytes(pixels: np.ndarray) -> np.ndarray:
  if np.issubdtype(pixels.dtype, np.integer):
    return pixels.astype(np.uint8)
  return np.clip(np.rint(pixels * 255), 0, 255).astype(np.uint8)
