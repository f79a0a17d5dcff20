"""What answers reach that look at nothing but the kind of the question."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from mmjax.evaluators import rows
from mmjax.evaluators.gallery import Decoder
from mmjax.evaluators.text_scores import TextScore, answers
from mmjax.metrics import Evaluation
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Commonest:
  """Scores, as `Generation` does, the commonest answer of the training split.

  Each kind of question has its own. No model is asked.
  """

  data: Any
  """The data set: `answers(split)` gives pairs of kind and answer."""
  tokenizer: Decoder
  """Turns ids into text."""
  scores: tuple[TextScore, ...] = (answers,)
  """Functions of `mmjax.evaluators.text_scores`."""
  target: str = 'text'
  """Batch key of the right text's ids, and of their mask."""
  only: str = 'answer'
  """Batch key of which of these ids are the answer, `[b t]`."""
  by: str = 'kind'
  """Batch key of the kind."""
  name: str = 'commonest'
  """Prefix of the numbers."""
  view: str = 'default'
  """Layout of the split that is scored."""

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split.

    Args:
      predict: not used.
      batches: view name -> evaluation batches.
      classes: of the data; names the kinds.

    Returns:
      `{name}/exact_match` and the like; `{name}/{kind}/...`, of each kind.

    Raises:
      InputError: a key does not exist, or there is nothing to score.
    """
    del predict
    names = rows.pick(classes, self.by, what='class')
    known = self._commonest()
    pairs: dict[str, list[tuple[str, str]]] = {}
    for batch in batches(self.view):
      masks = rows.pick(batch['mask'], self.target, what='modality')
      told = rows.host(masks) & (rows.column(batch, self.only) > 0)
      ids, kinds = (rows.column(batch, n) for n in (self.target, self.by))
      for row in rows.real(batch).nonzero()[0]:
        name = names[int(kinds[row])]
        right = self.tokenizer.decode(ids[row][told[row]])
        pairs.setdefault(name, []).append((known.get(name, ''), right))
    if not pairs:
      raise InputError(f'view {self.view!r} has nothing to score')
    everything = [pair for some in pairs.values() for pair in some]
    numbers = self._scored(self.name, everything)
    for name, some in pairs.items():
      numbers |= self._scored(f'{self.name}/{name}', some)
    return Evaluation(numbers, {})

  def _commonest(self) -> dict[str, str]:
    """Kind -> answer; of equally common ones the first by the alphabet."""
    counts = collections.Counter(self.data.answers('train'))
    best: dict[str, tuple[int, str]] = {}
    for (kind, answer), count in sorted(counts.items()):
      if count > best.get(kind, (0, ''))[0]:
        best[kind] = count, answer
    return {kind: answer for kind, (_, answer) in best.items()}

  def _scored(
    self, name: str, pairs: Sequence[tuple[str, str]]
  ) -> dict[str, float]:
    found, right = zip(*pairs, strict=True)
    return {
      f'{name}/{key}': value
      for score in self.scores
      for key, value in score(found, right).items()
    }
