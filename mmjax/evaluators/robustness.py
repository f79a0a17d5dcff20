"""How accuracy falls as modalities get noisy, mismatched or lost."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mmjax.evaluators import robustness_figures, rows
from mmjax.metrics import Evaluation
from mmjax.types import Batch, InputError

Corruption = Callable[..., Any]
# What an example of a modality is, and how bad its state.
Condition = tuple[str, str, float]
KINDS = ('noise', 'mismatch')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Robustness:
  """Accuracy of a head while one modality is disturbed, by how much.

  Three disturbances: `noise`, a corruption of the modality in every example;
  `mismatch`, the modality of another example of the batch in a share of the
  examples; `missing`, every set of modalities that may be left. The first two
  give a curve, accuracy against level, and two numbers for it, as in MultiBench
  (https://arxiv.org/abs/2107.07502): `relative`, the area under the curve over
  levels 0 to 1; `effective`, how far that lies above the line that falls evenly
  from the same accuracy to that of the commonest class (effective robustness
  takes the accuracy without noise out of the comparison,
  https://arxiv.org/abs/2007.00644).

  The table `robustness` has all of it: `{'clean', 'chance', 'examples',
  'missing': {set: accuracy}, 'noise': {modality: {'level', 'accuracy',
  'relative', 'effective'}}, 'mismatch': the same}`.
  """

  noise: Mapping[str, Corruption]
  """Modality -> its corruption: PixelNoise, SignalNoise or TokenNoise. No
  other modality is disturbed."""
  head: str = 'label'
  """Head whose logits are scored."""
  target: str = 'label'
  """Batch key with the right class; -1 is unknown and not counted."""
  levels: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
  """Strengths of noise and shares of mismatched examples, rising to 1."""
  seed: int = 0
  """Seed of noise and mismatches."""
  view: str = 'default'
  """Layout of the split that is scored."""

  def __post_init__(self):
    """Checks the levels."""
    rising = all(a < b for a, b in itertools.pairwise((0, *self.levels)))
    if not rising or not self.levels or self.levels[-1] != 1:
      raise InputError(f'levels {self.levels} do not rise from above 0 to 1')

  def __call__(
    self,
    predict: rows.Predict,
    batches: rows.Batches,
    classes: Mapping[str, Sequence[str]],
  ) -> Evaluation:
    """Scores one split under every condition; see `Classification`.

    Raises:
      InputError: a key, head or modality does not exist.
    """
    rows.pick(classes, self.target, what='classes of target')
    right: dict[Any, list[np.ndarray]] = {}
    targets = [np.zeros(0, int)]
    for batch in batches(self.view):
      target = rows.column(batch, self.target).astype(int)
      counted = rows.real(batch) & (target >= 0)
      targets.append(target[counted])
      for name, disturbed in self._conditions(batch):
        logits = predict(disturbed)['logits']
        answer = rows.host(rows.pick(logits, self.head, what='head'))
        # NaN is never right.
        best = np.where(np.isnan(answer).any(1), -1, answer.argmax(1))
        hits = (best == target)[counted]
        right.setdefault(name, []).append(hits)
    target = np.concatenate(targets)
    if not target.size:
      return Evaluation({}, {})
    found = {k: float(np.concatenate(v).mean()) for k, v in right.items()}
    return self._report(found, target)

  def _conditions(self, batch: Batch) -> Iterator[tuple[Any, Batch]]:
    yield 'clean', batch
    modalities = tuple(self.noise)
    for size in range(1, len(modalities)):
      for left in itertools.combinations(modalities, size):
        yield ('missing', '+'.join(left)), rows.only(batch, left)
    partner = _partners(rows.real(batch))
    for i, (name, corrupt) in enumerate(self.noise.items()):
      rows.pick(batch['mask'], name, what='modality')
      keys = _keys(batch['index'], self.seed, i)
      for level in self.levels:
        noisy = _corrupt(corrupt, batch[name], batch['mask'][name], keys, level)
        yield ('noise', name, level), {**batch, name: noisy}
        pair = (batch[name], batch['mask'][name])
        array, mask = _mismatch(pair, keys, partner, level)
        masks = {**batch['mask'], name: mask}
        yield ('mismatch', name, level), {**batch, name: array, 'mask': masks}

  def _report(self, found: Mapping[Any, float], target) -> Evaluation:
    clean = found['clean']
    chance = float(np.bincount(target).max() / target.size)
    table: dict[str, Any] = {
      'clean': clean,
      'chance': chance,
      'examples': int(target.size),
      'missing': {k[1]: v for k, v in found.items() if k[0] == 'missing'},
    }
    numbers = {}
    levels = (0.0, *self.levels)
    for kind in KINDS:
      table[kind] = {}
      for name in self.noise:
        values = [clean, *(found[kind, name, x] for x in self.levels)]
        area = float(np.trapezoid(values, levels))
        scores = {'relative': area, 'effective': area - (clean + chance) / 2}
        table[kind][name] = {'level': levels, 'accuracy': values, **scores}
        for score, value in scores.items():
          numbers[f'robustness/{kind}/{name}/{score}'] = value
    draw = functools.partial(robustness_figures.curves, table=table)
    return Evaluation(numbers, {'robustness': draw}, {'robustness': table})


def _partners(real: np.ndarray) -> np.ndarray:
  """For each row another real row, itself where there is none."""
  partner = np.arange(len(real))
  (there,) = np.nonzero(real)
  partner[there] = np.roll(there, 1)
  return partner


@functools.partial(jax.jit, static_argnums=(1, 2))
def _keys(index, seed: int, modality: int):
  key = jax.random.fold_in(jax.random.key(seed), modality)
  return jax.vmap(jax.random.fold_in, (None, 0))(key, index)


@functools.partial(jax.jit, static_argnums=0)
def _corrupt(corrupt: Corruption, array, mask, keys, level):
  return corrupt(array, mask, keys, jnp.asarray(level))


@jax.jit
def _mismatch(pair, keys, partner, level):
  # Another draw than the noise's.
  draw = jax.vmap(lambda key: jax.random.uniform(jax.random.fold_in(key, 1)))
  # In [0, 1), so that level 1 takes all.
  wrong = draw(keys) < level

  def swap(x):
    chosen = wrong.reshape(-1, *(1,) * (x.ndim - 1))
    return jnp.where(chosen, jnp.take(x, partner, axis=0), x)

  return jax.tree.map(swap, pair)
