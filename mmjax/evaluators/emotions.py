"""How well emotions are told, from all signals and from each alone."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from mmjax.data.datasets.feelings_signals import SIGNALS
from mmjax.evaluators import emotion_baselines as baselines
from mmjax.evaluators import emotion_figures, rows
from mmjax.evaluators.gallery import Decoder
from mmjax.metrics import Evaluation
from mmjax.types import Batch, InputError

# Prefix of the numbers -> what is given; all of it if empty.
_GIVEN = {'': (), **{f'{name}_': (name,) for name in SIGNALS}}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Emotions:
  """Macro F1 (mean F1 of the classes), fused and of each modality alone.

  The batch has `audio`, `text`, `image`, `label`, `situation` and `shown`: see
  `mmjax/data/datasets/feelings.py`.

  Gives `{name}/macro_f1`, and `{name}/audio_macro_f1` and so on: the same model
  with the other modalities masked. The same of `linear_`, logistic regressions
  fitted on the training split, one for all modalities and one for each; and
  `majority_macro_f1` and `told_macro_f1` of
  `mmjax/evaluators/emotion_baselines.py`. All of them for each view; those of
  the first have no name of a view in front.
  """

  tokenizer: Decoder
  """Turns the ids of `text` into words, for the figure."""
  head: str = 'label'
  """Head whose logits are scored."""
  views: tuple[str, ...] = ('default',)
  """Layouts of the split; the figure shows people of the last."""
  name: str = 'emotion'
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
      classes: names of `label` and `situation`.

    Returns:
      The numbers, and a figure of people, two of each situation.

    Raises:
      InputError: a key, view or head does not exist, or the head has another
        number of classes.
    """
    names = rows.pick(classes, 'label', what='classes of target')
    train = baselines.read(batches('default', 'train'))
    known = baselines.read(batches('default', 'validation'))
    linear = {
      prefix: baselines.Linear(given or SIGNALS, train=train, checked=known)
      for prefix, given in _GIVEN.items()
    }
    numbers, said = {}, {}
    for i, view in enumerate(self.views):
      parts = {prefix: [] for prefix in _GIVEN}
      asked = baselines.read(
        self._ask(predict, batches(view), len(names), parts)
      )
      said = {prefix: np.concatenate(x) for prefix, x in parts.items()}
      found = {
        **said,
        **{f'linear_{k}': one.answer(asked) for k, one in linear.items()},
        'majority_': baselines.majority(train, asked),
        'told_': baselines.told(train, asked),
      }
      place = f'{view}_' if i else ''
      numbers |= {
        f'{self.name}/{place}{prefix}macro_f1': baselines.macro_f1(
          asked.felt, answers
        )
        for prefix, answers in found.items()
      }
    view = self.views[-1]
    people = self._people(batches(view), said, classes)
    draw = functools.partial(emotion_figures.draw, people=people)
    return Evaluation(numbers, {self.name: draw})

  def _ask(
    self,
    predict: rows.Predict,
    batches: Iterable[Batch],
    count: int,
    parts: Mapping[str, list[np.ndarray]],
  ) -> Iterator[Batch]:
    """The batches; the likeliest classes of each come into `parts`.

    -1 where the model gave NaN.
    """
    for batch in batches:
      real = rows.real(batch)
      for prefix, given in _GIVEN.items():
        outputs = predict(rows.only(batch, given))
        found = rows.pick(outputs['logits'], self.head, what='head')
        logits = rows.host(found)[real]
        if logits.shape[1] != count:
          raise InputError(
            f'head {self.head!r} has {logits.shape[1]} classes, target label '
            f'has {count}'
          )
        broken = np.isnan(logits).any(axis=1)
        parts[prefix].append(np.where(broken, -1, logits.argmax(axis=1)))
      yield batch

  def _people(
    self,
    batches: Iterable[Batch],
    said: Mapping[str, np.ndarray],
    classes: Mapping[str, Sequence[str]],
  ) -> list[emotion_figures.Person]:
    """The first two of each situation, in the order of situations."""
    names = [*classes['label'], 'nothing']  # -1
    situations = rows.pick(classes, 'situation', what='classes of')
    found: dict[int, list[emotion_figures.Person]] = {}
    seen = 0
    for batch in batches:
      for i in np.flatnonzero(rows.real(batch)):
        situation = int(rows.column(batch, 'situation')[i])
        of = found.setdefault(situation, [])
        if len(of) < emotion_figures.EACH:
          mask = {k: rows.host(batch['mask'][k])[i] for k in ('audio', 'text')}
          shown = rows.column(batch, 'shown')[i]
          of.append(
            emotion_figures.Person(
              situation=situations[situation],
              face=rows.column(batch, 'image')[i],
              sound=rows.column(batch, 'audio')[i][mask['audio']],
              words=self.tokenizer.decode(
                rows.column(batch, 'text')[i][mask['text']]
              ),
              felt=names[rows.column(batch, 'label')[i]],
              shown={k: names[e] for k, e in zip(SIGNALS, shown, strict=True)},
              said={k: names[x[seen]] for k, x in said.items()},
            )
          )
        seen += 1
    return [person for key in sorted(found) for person in found[key]]
