"""What a model understands of spoken commands, beside what is simpler."""

import dataclasses
import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from mmjax.evaluators import frame_baselines, frame_figures, rows
from mmjax.evaluators.frame_baselines import Heard
from mmjax.evaluators.frame_scores import Frames as Classes
from mmjax.evaluators.frame_scores import score
from mmjax.evaluators.gallery import Decoder
from mmjax.metrics import Evaluation

_SHOWN = 8


class _Run(NamedTuple):
  """A view, and what the model understands of it."""

  heard: Heard
  said: Classes
  shown: Sequence[np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frames:
  """Exact frames, accuracy of intents and F1 of slots.

  Intent and slots are heads of the model and keys of the batch; class 0 of a
  slot is that there is none. The batch has `text` too, for the figure and for
  one baseline: see `mmjax/data/datasets/commands.py`.

  Gives `{name}/exact`, `{name}/intent_accuracy` and `{name}/slot_f1` of the
  first view, the same of `frame_baselines.baselines`, fitted on the training
  split, as `{name}/majority_exact` and so on; and of the other views as
  `{name}/{view}_exact`. `{name}/latency_ms` is the median time in which the
  compiled model understands a single command, samples on the host and classes
  on the host.
  """

  tokenizer: Decoder
  """Turns the ids of `text` into words."""
  slots: tuple[str, ...]
  """Heads and batch keys of the slots."""
  intent: str = 'intent'
  """Head and batch key of the intent."""
  views: tuple[str, ...] = ('default',)
  """Layouts of the split; baselines are for the first one."""
  audio: str = 'audio'
  """Batch key of the sounds."""
  fit_on: int = 8192
  """Training commands that baselines see, at most."""
  timed: int = 50
  """Commands whose time is taken, one after the other."""
  name: str = 'frame'
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
      classes: names of the classes of intent and slots.

    Returns:
      The numbers, all commands of the first view as a table, and a figure of
      some.

    Raises:
      InputError: a key, view or head does not exist.
    """
    names = {
      key: rows.pick(classes, key, what='classes of')
      for key in (self.intent, *self.slots)
    }
    view, *others = self.views
    known = self._run(None, batches(view, 'train'), most=self.fit_on).heard
    asked = self._run(predict, batches(view))
    found = {'': (asked.said, asked.heard.meant)}
    for name, said in frame_baselines.baselines(known, asked.heard).items():
      found[f'{name}_'] = said, asked.heard.meant
    for other in others:
      run = self._run(predict, batches(other), fitted=False)
      found[f'{other.replace(":", "_")}_'] = run.said, run.heard.meant
    numbers = {
      f'{self.name}/{prefix}{key}': value
      for prefix, (said, meant) in found.items()
      for key, value in score(
        said, meant, intent=self.intent, slots=self.slots
      )._asdict().items()
    }  # fmt: skip
    numbers[f'{self.name}/latency_ms'] = self._latency(predict, batches(view))
    table = [
      {
        'words': text,
        'meant': self._line(names, asked.heard.meant, i),
        'understood': self._line(names, asked.said, i),
      }
      for i, text in enumerate(asked.heard.texts)
    ]
    exact = numbers[f'{self.name}/exact']
    draw = functools.partial(
      frame_figures.commands,
      sounds=asked.shown,
      lines=table[: len(asked.shown)],
      title=f'Spoken commands, and what was understood: {exact:.1%} exact',
    )
    return Evaluation(
      numbers, {self.name: draw}, {f'{self.name}_commands': table}
    )

  def _run(
    self,
    predict: rows.Predict | None,
    batches: Any,
    *,
    most: int | None = None,
    fitted: bool = True,
  ) -> _Run:
    keys = self.intent, *self.slots
    said: list[dict[str, np.ndarray]] = []
    meant: list[dict[str, np.ndarray]] = []
    mels, texts, shown = [], [], []
    for batch in batches:
      real = rows.real(batch)
      meant.append({key: rows.column(batch, key)[real] for key in keys})
      if predict is not None:
        logits = predict(batch)['logits']
        said.append({
          key: _best(rows.host(rows.pick(logits, key, what='head')))[real]
          for key in keys
        })  # fmt: skip
      sounds = rows.column(batch, self.audio)[real]
      masks = rows.host(batch['mask'][self.audio])[real]
      if fitted:
        both = zip(sounds, masks, strict=True)
        mels += [frame_baselines.log_mel(*one) for one in both]
      texts += self._texts(batch, real)
      for sound, mask in zip(sounds, masks, strict=True):
        if len(shown) < _SHOWN:
          shown.append(sound[mask])
      if most is not None and len(texts) >= most:
        break
    heard = Heard(mels, texts, _joined(meant))
    return _Run(heard, _joined(said), shown)

  def _texts(self, batch: Any, real: np.ndarray) -> list[str]:
    ids = rows.column(batch, 'text')[real]
    mask = rows.host(batch['mask']['text'])[real]
    return [self.tokenizer.decode(i[m]) for i, m in zip(ids, mask, strict=True)]

  def _latency(self, predict: rows.Predict, batches: Any) -> float:
    times: list[float] = []
    for batch in batches:
      whole = jax.tree.map(rows.host, dict(batch))
      for i in np.flatnonzero(rows.real(batch)):
        one = jax.tree.map(lambda x, i=i: x[i : i + 1], whole)
        start = time.perf_counter()
        jax.tree.map(rows.host, predict(one)['logits'])
        times.append(time.perf_counter() - start)
        if len(times) > self.timed:
          break
      if len(times) > self.timed:
        break
    # The first one compiles.
    return 1000 * float(np.median(times[1:] or times))

  def _line(
    self, names: Mapping[str, Sequence[str]], said: Classes, i: int
  ) -> str:
    parts = [str(names[self.intent][said[self.intent][i]])]
    for slot in self.slots:
      if said[slot][i]:
        parts.append(f'{slot}={names[slot][said[slot][i]]}')
    return ' '.join(parts)


def _best(logits: np.ndarray) -> np.ndarray:
  """The likeliest class, -1 where anything is NaN."""
  broken = np.isnan(logits).any(axis=-1)
  return np.where(broken, -1, logits.argmax(axis=-1))


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
  if not parts:
    return {}
  return {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
