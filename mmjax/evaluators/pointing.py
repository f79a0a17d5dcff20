"""How often the thing that is meant is found, and what it would take."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mmjax.data.datasets import square_questions
from mmjax.evaluators import frame_baselines, pointing_figures, rows, warping
from mmjax.evaluators.gallery import Decoder
from mmjax.evaluators.pointing_rules import Rules, Squares
from mmjax.evaluators.pointing_scores import Answers, right, score
from mmjax.metrics import Evaluation
from mmjax.types import Batch, Outputs

_KINDS = dict(
  zip(('noun', 'viewer', 'compass', 'fountain'), square_questions.KINDS,
      strict=True)
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pointing:
  """Questions answered with the right category and a box of half the overlap.

  The batch is that of `mmjax/data/datasets/square.py`. Gives `{name}/right` and
  the other numbers of `pointing_scores.score`, and `{name}/{kind}_right` of the
  questions for a category (`noun`), by the viewer, by the compass and by the
  fountain; the same of the model that lacks a modality as
  `{name}/without_audio_right` and so on; and of `pointing_rules`, of which the
  forest and the ear are fitted on the training split:

    largest: the largest blob, as what things are the most often.
    rules: the right rule for the question as the nearest training question has
      it by dynamic time warping (`{name}/rules_asked` of them rightly).
    told: the rules, told what is asked.
  """

  tokenizer: Decoder
  """Turns the ids of `text` into words."""
  modalities: tuple[str, ...] = ('image', 'position', 'audio')
  """Each is left out in turn."""
  which: str = 'which'
  """Head with the logits of the tokens, that of none last, `[b n+1]`."""
  things: str = 'things'
  """Head with the logits of the classes, `[b n classes]`, and batch key."""
  boxes: str = 'boxes'
  """Head with the boxes, `[b n 4]`, and batch key."""
  places: str = 'places'
  """Head with the places, `[b n 2]`, and batch key."""
  fit_on: int = 1000
  """Training squares that the baselines see, at most."""
  shown: int = 12
  """Pictures in the figure."""
  name: str = 'pointing'
  """Prefix of the numbers."""

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split.

    Args:
      predict: the forward pass.
      batches: `(view, split)` -> evaluation batches.
      classes: names of the categories.

    Returns:
      The numbers, all questions as a table, and a figure of some.

    Raises:
      InputError: a key or head does not exist.
    """
    names = rows.pick(classes, self.things, what='classes of')
    known = self._squares(batches('default', 'train'), most=self.fit_on)
    parts: dict[str, list[Answers]] = {}
    asked = self._squares(self._ask(predict, batches('default'), parts))
    found = {prefix: _joined(some) for prefix, some in parts.items()}
    rules = Rules(known, categories=len(names))
    seen = rules.look(asked)
    cepstra = [
      [warping.cepstra(one) for one in squares.mels]
      for squares in (known, asked)
    ]
    nearest = known.asked[warping.nearest(*cepstra)]
    found['largest_'] = rules.largest(seen)
    found['rules_'] = rules.answer(seen, nearest)
    found['told_'] = rules.answer(seen, asked.asked)
    numbers = {'rules_asked': float((nearest == asked.asked).mean())}
    for prefix, said in found.items():
      for key, value in score(said, asked.true).items():
        numbers[f'{prefix}{key}'] = value
      each = right(said, asked.true)
      for kind, meanings in _KINDS.items():
        of_kind = np.isin(
          asked.asked, [square_questions.MEANINGS.index(m) for m in meanings]
        )
        if of_kind.any():
          numbers[f'{prefix}{kind}_right'] = float(each[of_kind].mean())
    draw = functools.partial(
      pointing_figures.answers,
      squares=asked,
      said=found[''],
      names=names,
      count=self.shown,
      title=f'Questions and answers: {numbers["right"]:.1%} right',
    )
    return Evaluation(
      {f'{self.name}/{key}': x for key, x in numbers.items()},
      {self.name: draw},
      {f'{self.name}_answers': _table(asked, found[''], names)},
    )

  def _ask(
    self,
    predict: rows.Predict,
    batches: Iterable[Batch],
    parts: dict[str, list[Answers]],
  ) -> Iterator[Batch]:
    """The batches; the model's answers with all modalities, and without each,
    come into `parts`."""
    for batch in batches:
      real = rows.real(batch)
      for left_out in ('', *self.modalities):
        kept = tuple(m for m in batch['mask'] if m != left_out)
        outputs = predict(rows.only(batch, kept))
        one = Answers(*(x[real] for x in self._answers(outputs)))
        prefix = f'without_{left_out}_' if left_out else ''
        parts.setdefault(prefix, []).append(one)
      yield batch

  def _answers(self, outputs: Outputs) -> Answers:
    heads = outputs['logits']
    which, things, boxes, places = (
      rows.host(rows.pick(heads, name, what='head'))
      for name in (self.which, self.things, self.boxes, self.places)
    )
    token, each = which.argmax(axis=1), np.arange(len(which))
    none = token == things.shape[1]
    token = np.where(none, 0, token)
    category = np.where(none, -1, things[each, token].argmax(axis=1))
    return Answers(category, boxes[each, token], places[each, token])

  def _squares(
    self, batches: Iterable[Batch], *, most: int | None = None
  ) -> Squares:
    parts: list[dict[str, Any]] = []
    for batch in batches:
      parts.append(self._one(batch))
      if most is not None and sum(len(p['asked']) for p in parts) >= most:
        break
    joined = {
      key: np.concatenate([p[key] for p in parts])
      for key in parts[0] if key not in ('mels', 'texts', 'true')
    }  # fmt: skip
    return Squares(
      **joined,
      mels=[mel for p in parts for mel in p['mels']],
      texts=[text for p in parts for text in p['texts']],
      true=_joined([p['true'] for p in parts]),
    )

  def _one(self, batch: Batch) -> dict[str, Any]:
    real = rows.real(batch)

    def column(name: str) -> np.ndarray:
      return rows.column(batch, name)[real]

    sounds, ids = column('audio'), column('text')
    hears, reads = (
      rows.host(batch['mask'][m])[real] for m in ('audio', 'text')
    )
    things, boxes = column(self.things), column(self.boxes)
    answer, each = column('answer'), np.arange(real.sum())
    # The last thing where there is none is not looked at.
    category = np.where(answer < 0, -1, things[each, answer])
    true = Answers(
      category, boxes[each, answer], column(self.places)[each, answer]
    )
    return {
      'images': column('image'),
      'positions': column('position').mean(axis=1),
      'mels': [
        frame_baselines.log_mel(x, m)
        for x, m in zip(sounds, hears, strict=True)
      ],
      'texts': [
        self.tokenizer.decode(i[m]) for i, m in zip(ids, reads, strict=True)
      ],
      'asked': column('asked'),
      'things': things,
      'boxes': boxes,
      'true': true,
    }


def _joined(parts: Sequence[Answers]) -> Answers:
  return Answers(*(np.concatenate(some) for some in zip(*parts, strict=True)))


def _table(
  asked: Squares, said: Answers, names: Sequence[str]
) -> list[dict[str, str]]:
  def line(answers: Answers, i: int) -> str:
    if answers.category[i] < 0:
      return 'nothing'
    east, north = answers.places[i]
    return f'{names[answers.category[i]]} at {east:.1f} {north:.1f}'

  return [
    {'words': text, 'true': line(asked.true, i), 'said': line(said, i)}
    for i, text in enumerate(asked.texts)
  ]
