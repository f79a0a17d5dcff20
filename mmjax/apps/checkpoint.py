"""A trained model, opened for use: a run of ours, or another project's.

What it is given is prepared by the very `Records` that prepares data: that
which the run's data set says is like its own, or that of the checkpoint.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jaxtyping import Float

from mmjax.apps.cells import Cell, check_modality, record_of
from mmjax.data.dataset import Example
from mmjax.data.sources.records import Records
from mmjax.evaluators.zero_shot import ensemble, prompts_of
from mmjax.models.aligned import Aligned
from mmjax.types import Batch, InputError, Outputs

Inputs = Mapping[str, Cell]
"""Modality -> what there is of it: a file's path, its bytes, or a text."""
Probabilities = dict[str, Float[np.ndarray, ' c']]
"""Head -> probability of each of its classes, those of `labels[head]`."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
  """A model and its variables, and how others' files become its batches.

  Example:
    `open_checkpoint('runs/stamps').embed('image', ['cat.png', 'dog.png'])`.
  """

  name: str
  """What it was opened as, for errors."""
  identity: str
  """Another one for every other model or state of it."""
  model: nn.Module
  """Without what wraps it in training."""
  variables: Mapping[str, Any]
  """Of the model."""
  records: Records
  """Makes arrays of what is given; its modalities are those that the model
  reads."""
  keys: Mapping[str, str]
  """Modality -> the batch key under which the model reads it."""
  labels: Mapping[str, tuple[str, ...]] = dataclasses.field(
    default_factory=dict
  )
  """Head that classifies -> names of its classes."""
  kinds: Mapping[str, str] = dataclasses.field(default_factory=dict)
  """Head -> `softmax` or `sigmoid`."""
  writes: Callable[..., list[str]] | None = None
  """`(checkpoint, inputs, prompt) -> texts`, if it writes."""
  talks: Callable[..., Any] | None = None
  """`(checkpoint, options) -> Talker`, if it answers in dialogues."""
  prompts: Mapping[str, str] = dataclasses.field(default_factory=dict)
  """Language, or another kind of text, -> what is written before one."""
  config: Any = None
  """Of the run, or the checkpoint's `config.json`."""
  batch_size: int = 32
  """Rows of a batch; single inputs are a batch of one."""

  @property
  def modalities(self) -> tuple[str, ...]:
    """Those that the model reads."""
    return self.records.modalities

  @property
  def embeds(self) -> tuple[str, ...]:
    """Those that it has in one space, which can be searched."""
    alignment: Any = getattr(self.model, 'alignment', None)
    pools = getattr(alignment, 'pools', {})
    return tuple(name for name in self.modalities if self.keys[name] in pools)

  def prepare(self, inputs: Inputs) -> Example:
    """Arrays of one input; what it lacks is masked.

    Raises:
      InputError: the model takes no such modality.
      RecordError: a file cannot be read.
    """
    for name in inputs:
      check_modality(name, dict.fromkeys(self.modalities), what=self.name)
    found = self.records.inputs(record_of(inputs))
    masks = found.pop('mask')
    return {
      **{self.keys[name]: x for name, x in found.items()},
      'mask': {self.keys[name]: mask for name, mask in masks.items()},
    }

  def batch(self, inputs: Sequence[Inputs]) -> Batch:
    """A batch with a row for each input."""
    return stack([self.prepare(one) for one in inputs])

  def embed(
    self, modality: str, cells: Sequence[Cell]
  ) -> Float[np.ndarray, 'n d']:
    """Unit vectors of pictures, texts or sounds, all in one space.

    Raises:
      InputError: the model has this modality in no such space.
      RecordError: a file cannot be read.
    """
    check_modality(
      modality, dict.fromkeys(self.embeds), what=f'the search of {self.name}'
    )
    parts = []
    for start in range(0, len(cells), self.batch_size):
      some = cells[start : start + self.batch_size]
      rows = [self.prepare({modality: cell}) for cell in some]
      parts.append(self.embed_rows(modality, rows))
    return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)

  def embed_rows(
    self, modality: str, rows: Sequence[Example]
  ) -> Float[np.ndarray, 'n d']:
    """Unit vectors of at most `batch_size` inputs that are prepared."""
    key = self.keys[modality]
    kept = [{key: r[key], 'mask': {key: r['mask'][key]}} for r in rows]
    x = self.run_on(self._towers[key], kept)
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)

  def classify(self, inputs: Inputs) -> Probabilities:
    """Probabilities of the classes of each head that has something to look at.

    Raises:
      InputError: the model has no classes.
      RecordError: a file cannot be read.
    """
    if not self.labels:
      raise InputError(f'{self.name} does not classify')
    row = self.prepare(inputs)
    logits = self.run_on(self._logits, [row])
    of = getattr(self.model, 'modality_heads', {})
    owner = {head: name for name, heads in of.items() for head in heads}
    found = {}
    for head, names in self.labels.items():
      if head in owner and not np.any(row['mask'][owner[head]]):
        continue
      x = np.asarray(logits[head][0], np.float64)[: len(names)]
      found[head] = (
        1 / (1 + np.exp(-x))
        if self.kinds.get(head) == 'sigmoid'
        else np.exp(x - x.max()) / np.exp(x - x.max()).sum()
      )
    return found

  def choose(
    self,
    modality: str,
    cells: Sequence[Cell],
    names: Sequence[str],
    *,
    prompts: Sequence[str] = ('{}',),
  ) -> Float[np.ndarray, 'n c']:
    """Probabilities of classes by their names alone: zero-shot.

    Args:
      modality: what is classified.
      cells: the inputs.
      names: of the classes.
      prompts: templates with `{}` for the name, whose vectors are averaged.

    Raises:
      InputError: the model has this modality or text in no common space.
    """
    told = self.embed('text', prompts_of(names, prompts))
    known = ensemble(told, classes=len(names))
    x = self.scale * (self.embed(modality, cells) @ known.T)
    odds = np.exp(x - x.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)

  @functools.cached_property
  def scale(self) -> float:
    """The learned scale of similarities."""
    found = self.variables['params'].get('alignment', {}).get('log_scale')
    alignment: Any = getattr(self.model, 'alignment', None)
    if found is None:  # each modality has its own
      return float(getattr(alignment, 'scale', 1.0))
    return float(np.minimum(np.exp(found), alignment.max_scale))

  def transcribe(self, cells: Sequence[Cell]) -> list[str]:
    """What is said in each sound.

    Raises:
      InputError: the model writes nothing, or hears nothing.
      RecordError: a file cannot be read.
    """
    return self.write([{'audio': cell} for cell in cells])

  def caption(
    self,
    cells: Sequence[Cell],
    *,
    language: str | None = None,
    question: str | None = None,
  ) -> list[str]:
    """A text about each picture.

    Args:
      cells: the pictures.
      language: one of `prompts`; the first of them if None.
      question: what is asked of each, if the model reads questions.

    Raises:
      InputError: the model writes nothing, sees nothing, or has no such prompt.
      RecordError: a file cannot be read.
    """
    asked = {} if question is None else {'text': question}
    return self.write(
      [{'image': cell, **asked} for cell in cells], language=language
    )

  def write(
    self, inputs: Sequence[Inputs], *, language: str | None = None
  ) -> list[str]:
    """A text about each input; see `transcribe` and `caption`."""
    if self.writes is None:
      raise InputError(f'{self.name} writes no text')
    for one in inputs:
      for name in one:
        check_modality(name, dict.fromkeys(self.modalities), what=self.name)
    if language is None:
      prompt = next(iter(self.prompts.values()), '')
    elif language in self.prompts:
      prompt = self.prompts[language]
    else:
      there = ', '.join(self.prompts) or 'none to choose from'
      raise InputError(f'{self.name} writes no {language!r}: there is {there}')
    found, size = [], self.batch_size
    for start in range(0, len(inputs), size):
      found += self.writes(self, inputs[start : start + size], prompt)
    return found

  def outputs(self, rows: Sequence[Example]) -> Outputs:
    """What the whole model gives for at most `batch_size` prepared inputs."""
    return self.run_on(self._all, rows)

  def predict(self, batch: Batch) -> Outputs:
    """What the whole model gives for a batch, as evaluators ask for it."""
    kept = {*self.keys.values(), 'mask'}
    return self._all(
      self.variables, {k: x for k, x in batch.items() if k in kept}
    )

  def run_on(self, run: Any, rows: Sequence[Example]) -> Any:
    """Runs a program on one row, or on as many as fill a batch."""
    size = 1 if len(rows) == 1 else self.batch_size
    blank = jax.tree.map(np.zeros_like, rows[0])
    batch = stack([*rows, *[blank] * (size - len(rows))])
    found = jax.device_get(run(self.variables, batch))
    return jax.tree.map(lambda x: x[: len(rows)], found)

  @functools.cached_property
  def _all(self) -> Any:
    model: Any = self.model

    def run(variables: Any, batch: Batch) -> Outputs:
      found = dict(model.apply(variables, batch, train=False))
      found.pop('shared', None)
      return found

    return jax.jit(run)

  @functools.cached_property
  def _towers(self) -> Mapping[str, Any]:
    """`(variables, batch) -> embeddings`, of one modality alone."""
    model: Any = self.model

    def tower(key: str) -> Any:
      pools = {key: model.alignment.pools[key]}
      alone: Any = Aligned(
        encoders={key: model.encoders[key]},
        alignment=model.alignment.copy(pools=pools),
      )
      return jax.jit(lambda v, b: alone.apply(v, b)['embeddings'][key])

    return {self.keys[n]: tower(self.keys[n]) for n in self.embeds}

  @functools.cached_property
  def _logits(self) -> Any:
    model: Any = self.model
    return jax.jit(lambda v, b: model.apply(v, b, train=False)['logits'])


def stack(rows: Sequence[Example]) -> Batch:
  """A batch of rows."""
  batch = jax.tree.map(lambda *x: np.stack(x), *rows)
  return {
    **batch,
    'weight': np.ones(len(rows), np.float32),
    'index': np.arange(len(rows), dtype=np.int32),
  }
