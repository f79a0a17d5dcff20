"""Which numbers fit a checkpoint and a source, and what they are."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmjax.apps.checkpoint import Checkpoint
from mmjax.data import pipeline
from mmjax.data.errors import RecordError
from mmjax.data.sources import arrays
from mmjax.data.sources.opened import cell_of
from mmjax.data.sources.records import Records
from mmjax.evaluators import (
  Calibration,
  Classification,
  ClassScores,
  Probe,
  Retrieval,
  ZeroShot,
)
from mmjax.evaluators.text_scores import translation, word_errors
from mmjax.metrics import Evaluation
from mmjax.types import Batch, InputError


def score(
  checkpoint: Checkpoint,
  source: Records,
  *,
  split: str = 'test',
  prompts: Sequence[str] = ('{}',),
) -> Evaluation:
  """Runs every evaluator that fits.

  Args:
    checkpoint: what is scored.
    source: what on; its root, columns and what to do with broken records.
    split: of the source.
    prompts: templates for zero-shot classification.

  Raises:
    InputError: the source cannot be read, or nothing fits.
  """
  fields = 'root', 'files', 'columns', 'cache', 'on_error', 'labels'
  records = dataclasses.replace(
    checkpoint.records, **{name: getattr(source, name) for name in fields}
  )
  there = [m for m in checkpoint.modalities if m in records.opened.modalities]
  if not there:
    raise InputError(
      f'{records.root} has {", ".join(records.opened.modalities)}, '
      f'{checkpoint.name} reads {", ".join(checkpoint.modalities)}'
    )
  found = Evaluation({}, {}, {})
  if checkpoint.writes is not None:
    found = _add(found, _texts(checkpoint, records, split))
  if hasattr(checkpoint.model, 'decoder'):
    return _check(found, checkpoint, records)
  for data, evaluator in _fitting(checkpoint, records, there, prompts):
    batches = functools.partial(_batches, checkpoint, data, split)
    classes = {k: tuple(v) for k, v in data.classes.items()}
    found = _add(found, evaluator(checkpoint.predict, batches, classes))
  return _check(found, checkpoint, records)


def _fitting(
  checkpoint: Checkpoint,
  records: Records,
  there: Sequence[str],
  prompts: Sequence[str],
) -> Iterator[tuple[Records, Any]]:
  """Evaluators, and the data with the classes that they know."""
  labels = records.labels or records.opened.labels
  keys = checkpoint.keys
  blank = records if labels else dataclasses.replace(records, labels=('',))
  for head, names in checkpoint.labels.items():
    if labels and set(labels) <= set(names):
      known = dataclasses.replace(records, labels=names)
      given = tuple(keys[name] for name in there)
      yield known, Classification(head=head, name=head, given=given)
      if checkpoint.kinds.get(head, 'softmax') == 'softmax':
        yield known, Calibration(head=head, name=f'{head}/calibration')
      yield known, ClassScores(head=head, name=f'{head}/classes')
  embeds = [name for name in checkpoint.embeds if name in there]
  texts = 'text' in checkpoint.embeds
  for name in [name for name in embeds if name != 'text']:
    if len(labels) > 1 and texts:
      yield (
        records,
        ZeroShot(
          modality=keys[name],
          text=keys['text'],
          prompts=tuple(prompts),
          tokenizer=records.tokenizer,
          name=f'{name}/zero_shot',
        ),
      )
  for query, key in itertools.permutations(embeds, 2):
    yield (
      blank,
      Retrieval(
        query=keys[query],
        key=keys[key],
        match='index',
        name=f'{query}_to_{key}',
        examples=0,
      ),
    )
  if len(labels) > 1:
    for name in there:
      yield records, Probe(features=keys[name], name=f'{name}/probe')


def _batches(
  checkpoint: Checkpoint,
  records: Records,
  split: str,
  view: str = 'default',
  other: str | None = None,
) -> Iterator[Batch]:
  """Batches under the keys that the model reads."""
  with pipeline.eval_batches(
    records,
    other or split,
    view=view,
    batch_size=checkpoint.batch_size,
  ) as batches:
    for batch in batches:
      keys = checkpoint.keys
      yield {
        **{keys.get(name, name): x for name, x in batch.items()},
        'mask': {keys[name]: mask for name, mask in batch['mask'].items()},
      }


def _texts(checkpoint: Checkpoint, records: Records, split: str) -> Evaluation:
  """How near what is written is to the texts of the source."""
  heard = 'audio' if 'audio' in checkpoint.modalities else 'image'
  said, right = [], []
  for raw in records.source(split):
    try:
      if 'error' in raw:
        raise raw['error']
      cell = cell_of(raw['record'], heard, records.columns)
      text = cell_of(raw['record'], 'text', records.columns)
      if cell is None or text is None:
        continue
      truth = arrays.text(text)
      said += checkpoint.write([{heard: cell}])
      right.append(truth)
    except RecordError:
      if records.on_error == 'raise':
        raise
  if not right:
    return Evaluation({}, {}, {})
  name = 'transcript' if heard == 'audio' else 'caption'
  scores = word_errors if heard == 'audio' else translation
  numbers = {f'{name}/{k}': v for k, v in scores(said, right).items()}
  numbers[f'{name}/examples'] = float(len(right))
  pairs: Any = [
    {'right': r, 'found': s} for r, s in zip(right, said, strict=True)
  ]
  return Evaluation(numbers, {}, {f'{name}_texts': pairs})


def _add(one: Evaluation, other: Evaluation) -> Evaluation:
  figures: Mapping[str, Any] = {**one.figures, **other.figures}
  tables = {**one.tables, **other.tables}
  return Evaluation({**one.numbers, **other.numbers}, figures, tables)


def _check(
  found: Evaluation, checkpoint: Checkpoint, records: Records
) -> Evaluation:
  if not found.numbers:
    raise InputError(
      f'nothing of {checkpoint.name} can be scored on {records.root}: it has '
      'neither classes nor texts that fit'
    )
  return found
