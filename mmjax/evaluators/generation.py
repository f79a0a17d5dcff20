"""Texts that a model says or writes, beside those that it should."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmjax.data.tokenizers import ByteTokenizer
from mmjax.evaluators import rows, text_figures
from mmjax.evaluators.gallery import Decoder
from mmjax.evaluators.text_scores import TextScore, word_errors
from mmjax.metrics import Evaluation
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generation:
  """Decodes a text for each row, and scores them.

  Gives `{name}/wer` and so on, what the `scores` are called. Rows without a
  right text, or without any of the `given` modalities, do not count.
  """

  decode: Any
  """`(model, variables, batch) -> {'tokens', 'mask'}`, ids and which are real:
  `CtcGreedy`, or a sampler of a text decoder."""
  scores: tuple[TextScore, ...] = (word_errors,)
  """Functions of `mmjax.evaluators.text_scores`."""
  target: str = 'text'
  """Batch key of the right text's ids, and of their mask."""
  only: str | None = None
  """Batch key of which of these ids are the answer, `[b t]`; None for all."""
  by: str | None = None
  """Batch key of a class, such as the kind of a question: each is scored apart
  too, as `{name}/{class}/...`."""
  tokenizer: Decoder = ByteTokenizer()
  """Turns ids into text."""
  name: str = 'transcript'
  """Prefix of the numbers."""
  given: tuple[str, ...] = ()
  """The only modalities that the model gets to see; empty for all."""
  view: str = 'default'
  """Layout of the split that is scored."""
  examples: int = 8
  """Texts shown in the figure."""

  def __post_init__(self):
    """Checks the fields."""
    if self.examples < 0 or not self.scores:
      raise InputError(
        f'examples {self.examples} must not be negative, nor scores empty'
      )

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split.

    Args:
      predict: runs the model.
      batches: view name -> evaluation batches.
      classes: of the data; names those of `by`.

    Returns:
      The numbers; `{name}/texts`, all of them, as a table and some in a figure.

    Raises:
      InputError: a key does not exist, or there is nothing to score.
    """
    names = () if self.by is None else rows.pick(classes, self.by, what='class')
    of: list[int] = []
    found: list[str] = []
    right: list[str] = []
    for batch in batches(self.view):
      masks = rows.pick(batch['mask'], self.target, what='modality')
      counted = rows.real(batch) & rows.present(batch, self.target)
      if self.given:
        seen = [rows.present(batch, name) for name in self.given]
        counted &= np.logical_or.reduce(seen)
      # What is given of the text stays: it is what is continued.
      kept = (*self.given, self.target) if self.given else ()
      said = predict(rows.only(batch, kept), run=self.decode)
      found += self._texts(said['tokens'], said['mask'], counted)
      if self.only is not None:
        masks = rows.host(masks) & (rows.column(batch, self.only) > 0)
      right += self._texts(batch[self.target], masks, counted)
      if self.by is not None:
        of += rows.column(batch, self.by)[counted].tolist()
    if not found:
      raise InputError(f'view {self.view!r} has no {self.target} to score')
    numbers = self._scores(self.name, found, right)
    for i, name in enumerate(names):
      here = [j for j, one in enumerate(of) if one == i]
      if here:
        some = [[texts[j] for j in here] for texts in (found, right)]
        numbers |= self._scores(f'{self.name}/{name}', *some)
    shown = np.linspace(0, len(found) - 1, min(self.examples, len(found)))
    shown = shown.round().astype(int)
    draw = functools.partial(
      text_figures.pairs,
      found=[found[i] for i in shown],
      right=[right[i] for i in shown],
      title=f'{self.name}: what was right, and what the model gave',
    )
    pairs = [
      {'right': r, 'found': f} for f, r in zip(found, right, strict=True)
    ]
    return Evaluation(
      numbers,
      {f'{self.name}/texts': draw} if self.examples else {},
      {f'{self.name}_texts': pairs},
    )

  def _scores(
    self, name: str, found: Sequence[str], right: Sequence[str]
  ) -> dict[str, float]:
    return {
      f'{name}/{key}': value
      for score in self.scores
      for key, value in score(found, right).items()
    }

  def _texts(self, ids: Any, masks: Any, counted: np.ndarray) -> list[str]:
    kept = zip(rows.host(ids)[counted], rows.host(masks)[counted], strict=True)
    return [self.tokenizer.decode(i[m]) for i, m in kept]
