"""Classification by words alone: which class's description is nearest."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from mmjax.data.tokenizers import ByteTokenizer
from mmjax.evaluators import intervals, rows
from mmjax.metrics import Evaluation
from mmjax.types import Batch, InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class ZeroShot:
  """Takes an example for the class whose prompts its embedding is nearest to.

  A class is the mean of the unit embeddings of its prompts, made unit length
  again: prompt ensembles, CLIP, section 3.1.4
  (https://arxiv.org/abs/2103.00020). For pictures, sounds, or whatever shares a
  space with text. Gives `{name}/accuracy`, between `accuracy_low` and
  `accuracy_high` (95 %, bootstrap), `{name}/top_K_accuracy`, and
  `{name}/chance`, the share of the commonest class.
  """

  modality: str = 'image'
  """What is classified."""
  text: str = 'text'
  """What the prompts are encoded as."""
  prompts: tuple[str, ...] = ('{}',)
  """Templates of the prompts, with `{}` for the name of the class."""
  names: Mapping[str, str] = dataclasses.field(default_factory=dict)
  """What a class is called in prompts, where not by its name."""
  tokenizer: Any = None
  """`text -> (ids, mask)` as in the data; bytes as long as its texts if
  None."""
  target: str = 'label'
  """Batch key of the class; -1 is unknown and not counted."""
  name: str = 'zero_shot'
  """Prefix of the numbers."""
  k: tuple[int, ...] = (5,)
  """How many of the nearest classes may hold the right one."""
  view: str = 'default'
  """Layout of the split that is scored."""

  def __post_init__(self):
    """Checks the templates."""
    without = [prompt for prompt in self.prompts if '{}' not in prompt]
    if without or not self.prompts:
      raise InputError(
        f'prompts {self.prompts}: each needs a place {{}} for the class'
      )

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split.

    Args:
      predict: the forward pass.
      batches: view name -> evaluation batches.
      classes: target -> names of its classes.

    Returns:
      The numbers, NaN where there is nothing to count.

    Raises:
      InputError: a key or modality does not exist, or a prompt is too long.
    """
    names = tuple(rows.pick(classes, self.target, what='classes of target'))
    nearest: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    known: np.ndarray | None = None
    for batch in batches(self.view):
      if known is None:
        known = self._classes(predict, batch, names)
      target = rows.column(batch, self.target).astype(int)
      counted = rows.real(batch) & (target >= 0)
      counted &= rows.present(batch, self.modality)
      x = _embedding(predict(rows.only(batch, (self.modality,))), self.modality)
      # What is not a number is near to nothing.
      scores = np.nan_to_num(x[counted] @ known.T, nan=-np.inf)
      nearest.append(np.argsort(-scores, axis=1, kind='stable'))
      targets.append(target[counted])
    target = np.concatenate([np.zeros(0, int), *targets])
    keys = [f'top_{k}_accuracy' for k in self.k if k < len(names)]
    if not target.size:
      keys += ['accuracy', 'accuracy_low', 'accuracy_high', 'chance']
      return Evaluation(
        {f'{self.name}/{key}': float('nan') for key in keys}, {}
      )
    hits = np.concatenate(nearest) == target[:, None]
    low, high = intervals.of_mean(hits[:, 0])
    numbers = {
      'accuracy': hits[:, 0].mean(),
      'accuracy_low': low,
      'accuracy_high': high,
      'chance': np.bincount(target).max() / target.size,
    }
    for k in self.k:
      if k < len(names):
        numbers[f'top_{k}_accuracy'] = hits[:, :k].any(axis=1).mean()
    return Evaluation(
      {f'{self.name}/{key}': float(x) for key, x in numbers.items()}, {}
    )

  def _classes(
    self, predict: rows.Predict, mould: Batch, names: Sequence[str]
  ) -> Float[np.ndarray, 'c d']:
    """A unit vector for each class, by batches like those of the data."""
    shape = rows.pick(mould, self.text, what='modality').shape
    tokenizer = self.tokenizer or ByteTokenizer(length=shape[1])
    told = prompts_of([self.names.get(n, n) for n in names], self.prompts)
    found = [tokenizer(text) for text in told]
    length = max(int(mask.sum()) for _, mask in found)
    if length > shape[1] or found[0][0].size != shape[1]:
      raise InputError(
        f'{self.name}: the tokenizer gives {found[0][0].size} tokens, texts of '
        f'the data have {shape[1]}'
      )
    x = []
    for start in range(0, len(told), shape[0]):
      some = found[start : start + shape[0]]
      ids, mask = np.zeros(shape, np.int32), np.zeros(shape, bool)
      for row, (one, real) in enumerate(some):
        ids[row], mask[row] = one, real
      batch = {
        **mould,
        self.text: _like(ids, mould[self.text]),
        'mask': {
          **mould['mask'],
          self.text: _like(mask, mould['mask'][self.text]),
        },
      }
      outputs = predict(rows.only(batch, (self.text,)))
      x.append(_embedding(outputs, self.text)[: len(some)])
    return ensemble(np.concatenate(x), classes=len(names))


def prompts_of(names: Sequence[str], templates: Sequence[str]) -> list[str]:
  """The prompts of each class, one class behind the other.

  Args:
    names: of the classes.
    templates: with `{}` for the name.
  """
  return [t.replace('{}', name) for name in names for t in templates]


def ensemble(
  x: Float[np.ndarray, 'n d'], *, classes: int
) -> Float[np.ndarray, 'c d']:
  """A unit vector for each class, the mean of those of its prompts.

  Args:
    x: vectors of prompts, in the order of `prompts_of`.
    classes: how many they are of.
  """
  prompts = _unit(x).reshape(classes, -1, x.shape[-1])
  return _unit(prompts.mean(axis=1))


def _embedding(outputs: Any, name: str) -> np.ndarray:
  embeddings = rows.pick(outputs, 'embeddings', what='output')
  x = rows.pick(embeddings, name, what='embedding')
  return rows.host(x).astype(np.float64)


def _unit(x: np.ndarray) -> np.ndarray:
  return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def _like(new: np.ndarray, old: Any) -> Any:
  """The array where the old one is, so that nothing is compiled again."""
  if not isinstance(old, jax.Array):
    return new.astype(old.dtype)
  new = new.astype(old.dtype)
  return jax.make_array_from_callback(new.shape, old.sharding, lambda i: new[i])
