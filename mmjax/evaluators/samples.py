"""Pictures that a model draws from words, judged by a classifier."""

import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from mmjax.data.tokenizers import ByteTokenizer
from mmjax.evaluators import figures, rows, sample_figures
from mmjax.evaluators.frechet import frechet_distance
from mmjax.evaluators.gallery import Decoder
from mmjax.evaluators.novelty import novelty
from mmjax.metrics import Evaluation
from mmjax.types import Batch, InputError


class Drawn(NamedTuple):
  """Pictures drawn for some examples, `n` of them, `m` for each.

  Attributes:
    pictures: what was drawn, as bytes.
    real: the examples' own pictures.
    target: their classes.
    words: their words.
  """

  pictures: UInt8[np.ndarray, 'n m h w c']
  real: UInt8[np.ndarray, 'n h w c']
  target: Int[np.ndarray, ' n']
  words: Sequence[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Samples:
  """Draws from the words of a split and looks whether that is what they say.

  A classifier is trained on the real pictures of the split 'train', at the
  first evaluation, and kept. It gives

  - `{name}/accuracy`: share of drawn pictures that it takes for the class whose
    words they were drawn from; `{name}/real_accuracy`: of the real pictures of
    the split; `{name}/chance`: that of always answering the commonest class;
  - `{name}/frechet`: Fréchet distance between drawn pictures and the split's
    real ones in the features in front of its last layer;
    `{name}/frechet_real`: that of as many real pictures for training, which is
    what there is to reach; `{name}/frechet_noise`: that of as many pictures of
    noise;
  - `{name}/novelty`: how far drawn pictures are from the nearest picture for
    training, over how far the split's real ones are: 0 for copies, and as new
    as real ones at 1.
  """

  decode: Any
  """`(model, variables, batch) -> {modality: pictures in 0..1}`: Draw."""
  classifier: Any
  """Who judges, once trained: PictureClassifier."""
  name: str = 'generated'
  """Prefix of the numbers."""
  modality: str = 'image'
  """What is drawn."""
  words: str = 'text'
  """What it is drawn from, shown beside it."""
  target: str = 'label'
  """Batch key with the class; -1 is unknown and not drawn."""
  split: str | None = None
  """Whose words are drawn from, such as 'train'; the split that is evaluated if
  None. Pictures are compared with those of the split that is evaluated."""
  draws: int = 1
  """Pictures drawn for each example."""
  first_draw: int = 0
  """Number of the first; another number is other noise."""
  examples: int = 1000
  """Most examples that are drawn for: of batches at even distances."""
  tokenizer: Decoder = ByteTokenizer()
  """Decodes token ids for the figure."""

  def __post_init__(self):
    """Checks the numbers."""
    for field in ('draws', 'examples'):
      if getattr(self, field) < 1:
        raise InputError(f'{field} {getattr(self, field)} is below 1')

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Draws and judges; see `Classification`.

    Raises:
      InputError: a key does not exist, or nothing is drawn.
    """
    names = tuple(rows.pick(classes, self.target, what='classes of target'))
    drawn = self._draw(predict, batches)
    if drawn is None:
      return Evaluation({}, {})
    judge, train = self._judge_and_train(batches)
    real, target = _pictures(batches('default'), self.modality, self.target)
    pictures = drawn.pictures.reshape(-1, *real.shape[1:])
    wanted = np.repeat(drawn.target, drawn.pictures.shape[1])
    seen, seen_real = judge(pictures), judge(real)
    right = seen.right(wanted)
    noise = np.random.default_rng(0).integers(0, 256, pictures.shape, np.uint8)
    like = _evenly(train, len(pictures))

    def distance(features):
      return frechet_distance(features, seen_real.features)

    numbers = {
      'accuracy': float(right.mean()),
      'real_accuracy': float(seen_real.right(target).mean()),
      'chance': float(np.bincount(wanted).max() / wanted.size),
      'frechet': distance(seen.features),
      'frechet_real': distance(judge(like).features),
      'frechet_noise': distance(judge(noise).features),
      'novelty': novelty(_evenly(pictures), _evenly(real), train),
    }
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (wanted, seen.logits.argmax(axis=1)), 1)
    return Evaluation(
      {f'{self.name}/{key}': value for key, value in numbers.items()},
      {
        f'{self.name}/pictures': functools.partial(
          sample_figures.grid,
          lines=_lines(drawn, right.reshape(drawn.pictures.shape[:2])),
          title='Drawn from words; red: taken for something else',
        ),
        f'{self.name}/confusion': functools.partial(
          figures.confusion,
          counts=counts,
          names=names,
          title='What drawn pictures are taken for',
        ),
      },
    )

  def _draw(self, predict: rows.Predict, batches: rows.Batches) -> Drawn | None:
    """Draws for examples that have words and a class."""
    chosen = self._choose(self._prompts(batches))
    found = []
    for i, batch in enumerate(self._prompts(batches)):
      if chosen.get(i):
        places = np.flatnonzero(_told(batch, self.words, self.target))
        found.append(self._of_batch(predict, batch, places[: chosen[i]]))
    if not found:
      return None
    pictures, real, target, words = zip(*found, strict=True)
    return Drawn(
      np.concatenate(pictures),
      np.concatenate(real),
      np.concatenate(target),
      [word for some in words for word in some],
    )

  def _choose(self, batches: Iterable[Batch]) -> dict[int, int]:
    """How many of which batches: few whole ones, at even distances.

    One example takes as long to draw as its batch.
    """
    told = [int(_told(b, self.words, self.target).sum()) for b in batches]
    full = max([*told, 1])
    count = min(math.ceil(self.examples / full), len(told))
    chosen, left = {}, self.examples
    for i in np.linspace(0, len(told) - 1, count).round().astype(int).tolist():
      chosen[i] = min(told[i], left)
      left -= chosen[i]
    return chosen

  def _prompts(self, batches: rows.Batches) -> Any:
    if self.split is None:
      return batches('default')
    return batches('default', self.split)

  def _of_batch(self, predict, batch: Batch, chosen):
    """Pictures `[n m h w c]`, real ones, classes and words of chosen rows."""
    pictures = []
    for draw in range(self.first_draw, self.first_draw + self.draws):
      # Made of what is there, so that they live where it does.
      numbers = 0 * batch['index'] + np.int32(draw)
      found = predict({**batch, 'draw': numbers}, run=self.decode)
      made = rows.pick(found, self.modality, what='drawn')
      pictures.append(_bytes(rows.host(made)[chosen]))
    text, mask = (rows.host(x[self.words]) for x in (batch, batch['mask']))
    return (
      np.stack(pictures, axis=1),
      _bytes(rows.column(batch, self.modality)[chosen]),
      rows.column(batch, self.target)[chosen].astype(int),
      [self.tokenizer.decode(text[i][mask[i]]) for i in chosen],
    )

  def _judge_and_train(self, batches: rows.Batches):
    """The classifier, and the pictures that it was trained on."""
    if 'judge' not in self._kept:
      train, target = _pictures(
        batches('default', 'train'), self.modality, self.target
      )
      self._kept['judge'] = self.classifier.fit(train, target), train
    return self._kept['judge']

  @functools.cached_property
  def _kept(self) -> dict[str, Any]:
    return {}


def _told(batch: Batch, words: str, target: str) -> np.ndarray:
  """Which rows have words and a class."""
  known = rows.column(batch, target) >= 0
  return rows.real(batch) & rows.present(batch, words) & known


def _pictures(batches, modality: str, target: str):
  """All pictures whose class is known, as bytes, and the classes."""
  pictures, targets = [], []
  for batch in batches:
    kind = rows.column(batch, target).astype(int)
    here = rows.real(batch) & rows.present(batch, modality) & (kind >= 0)
    pictures.append(_bytes(rows.column(batch, modality)[here]))
    targets.append(kind[here])
  return np.concatenate(pictures), np.concatenate(targets)


def _evenly(pictures: np.ndarray, most: int = 500) -> np.ndarray:
  """So many of the pictures, at even distances; all if there are not."""
  count = min(most, len(pictures))
  return pictures[np.linspace(0, len(pictures) - 1, count).astype(int)]


def _bytes(pictures: np.ndarray) -> UInt8[np.ndarray, 'n h w c']:
  """Integers in 0..255, of such or of floats in 0..1."""
  if np.issubdtype(pictures.dtype, np.integer):
    return pictures.astype(np.uint8)
  # NaN becomes black, not an error: a figure should show it.
  whole = np.rint(np.nan_to_num(pictures.astype(np.float32)) * 255)
  return np.clip(whole, 0, 255).astype(np.uint8)


def _lines(drawn: Drawn, right: np.ndarray) -> list[sample_figures.Line]:
  """Up to ten different words, at even distances by class."""
  order = sorted(
    range(len(drawn.words)), key=lambda i: (drawn.target[i], drawn.words[i])
  )
  first: dict[str, list[int]] = {}
  for i in order:
    first.setdefault(drawn.words[i], []).append(i)
  words = list(first)
  some = np.linspace(0, len(words) - 1, min(10, len(words))).round()
  lines = []
  for word in (words[int(i)] for i in some):
    of = first[word]
    pictures = np.concatenate([drawn.pictures[i] for i in of])
    lines.append(
      sample_figures.Line(
        word, drawn.real[of[0]], pictures, np.concatenate(right[of])
      )
    )
  return lines
