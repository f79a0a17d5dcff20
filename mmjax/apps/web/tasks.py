"""What the page asks a checkpoint and an index."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from mmjax.apps.web import markup
from mmjax.apps.web.explain import Explainer, Map
from mmjax.types import InputError


class Told(NamedTuple):
  """An answer, and why.

  Attributes:
    probabilities: of each class.
    effects: HTML of what each modality did for the likeliest.
    maps: drawings of where it mattered.
  """

  probabilities: Mapping[str, float]
  effects: str
  maps: Sequence[Map]


@dataclasses.dataclass(frozen=True)
class Tasks:
  """Runs what people ask for; what they send is within the limits already."""

  checkpoint: Any
  """What answers: `apps.checkpoint.Checkpoint`."""
  index: Any = None
  """What is searched: `apps.search.Index`, if anything."""

  def classify(
    self, inputs: Mapping[str, Any], *, head: str, maps: bool
  ) -> Told:
    """Asks a head about one example.

    Raises:
      InputError: nothing was given, or it cannot be read.
    """
    if not inputs:
      raise InputError('Give a picture, words or a sound first.')
    if head not in self.heads:
      raise InputError('There is no such question.')
    names = self.checkpoint.labels[head]
    batch = self.checkpoint.batch(inputs)
    found = self._explainer.left_out(batch, head=head)
    answer = int(found.answer[0])
    there = [n for n, m in batch['mask'].items() if np.any(m)]
    effects = markup.effects(
      names[answer],
      float(np.exp(found.scores[0, answer])),
      {n: float(np.exp(found.without[n][0, answer])) for n in there},
      {n: float(found.effect[n][0]) for n in there},
    )
    drawn = ()
    if maps:
      drawn = self._explainer.drawn(
        batch, head=head, answer=answer, name=names[answer]
      )
    shares = np.exp(found.scores[0]).tolist()
    return Told(dict(zip(names, shares, strict=True)), effects, drawn)

  @property
  def heads(self) -> tuple[str, ...]:
    """Heads that classify, the one that sees most first."""
    return tuple(self.checkpoint.labels)

  @functools.cached_property
  def _explainer(self) -> Explainer:
    return Explainer(self.checkpoint.model, self.checkpoint.variables)
