"""Embedding in batches, with files read ahead, and committing what is done."""

import itertools
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from mmjax.apps import store
from mmjax.apps.checkpoint import Checkpoint
from mmjax.apps.entries import Entry, fit
from mmjax.data.errors import RecordError

_COMMIT = 512  # rows, or
_SECONDS = 20.0  # what is lost when a run is killed


class Writer:
  """Embeds entries and commits them.

  Attributes:
    store: the table; None as long as there is none.
    broken: why an entry could not be embedded, by id.
  """

  def __init__(
    self, folder: Path, checkpoint: Checkpoint, columns: Mapping[str, str]
  ):
    self._folder, self._checkpoint = folder, checkpoint
    self._columns = columns
    self._rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    self._since = time.monotonic()
    self._meta: dict[str, Any] = {}
    self.store: store.Store | None = None
    self.broken: dict[str, RecordError] = {}

  def states(self) -> dict[str, str]:
    """What is in the table already."""
    self.store = store.Store(self._folder)
    self.store.widen(self._columns)
    return self.store.states()

  def write(
    self,
    todo: Sequence[Entry],
    known: Mapping[str, str],
    meta: Mapping[str, Any],
    modalities: Sequence[str],
  ) -> None:
    """Embeds all that can be."""
    self._meta = {**meta, 'modalities': [*modalities]}
    if self.store is not None:
      store.write_meta(self._folder, self._meta)
    bar = Progress(
      *Progress.get_default_columns(),
      MofNCompleteColumn(),
      console=Console(stderr=True),
      redirect_stdout=False,
      redirect_stderr=False,
      disable=not todo,
    )
    with bar, futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
      for modality in modalities:
        some = [entry for entry in todo if entry.modality == modality]
        task = bar.add_task(f'embedding {modality}', total=len(some))
        size = self._checkpoint.batch_size
        batch: list[tuple[Entry, Any]] = []
        for entry, row in _ahead(pool, self._prepare, some, 4 * size):
          bar.advance(task)
          if isinstance(row, RecordError):
            self.broken[entry.id] = row
            continue
          batch.append((entry, row))
          if len(batch) == size:
            self._embed(modality, batch, known)
            batch = []
        if batch:
          self._embed(modality, batch, known)

  def _prepare(self, entry: Entry) -> Any:
    try:
      return self._checkpoint.prepare({entry.modality: entry.cell})
    except RecordError as error:
      return RecordError(error.reason, file=entry.path)

  def _embed(self, modality, batch, known: Mapping[str, str]) -> None:
    vectors = self._checkpoint.embed_rows(modality, [row for _, row in batch])
    for (entry, _), vector in zip(batch, vectors, strict=True):
      if not (np.isfinite(vector).all() and np.any(vector)):
        self.broken[entry.id] = RecordError(
          'the model makes nothing of it', file=entry.path
        )
        continue
      new = entry.id not in known
      fields = {
        name: fit(entry.fields.get(name), kind)
        for name, kind in self._columns.items()
      }
      own = {'id': entry.id, 'path': entry.path, 'state': entry.state}
      self._rows[new].append(
        {**fields, **own, 'modality': modality, 'vector': vector.tolist()}
      )
    late = time.monotonic() - self._since > _SECONDS
    if late or sum(map(len, self._rows.values())) >= _COMMIT:
      self.flush()

  def flush(self) -> None:
    """Commits what is embedded so far."""
    if not any(self._rows.values()):
      return
    first = self.store is None
    if self.store is None:
      some = next(rows for rows in self._rows.values() if rows)
      schema = store.schema(len(some[0]['vector']), self._columns)
      self.store = store.Store(self._folder, schema)
    for new, rows in self._rows.items():
      if rows:
        self.store.put(rows, new=new)
    if first:
      # Before, there is no index.
      store.write_meta(self._folder, self._meta)
    self._rows = {True: [], False: []}
    self._since = time.monotonic()


def _ahead(pool: Any, run: Any, items: Sequence[Any], count: int) -> Iterator:
  """Items and what `run` makes of them, in order, some of them ahead."""
  waiting = iter(items)
  running = [
    (item, pool.submit(run, item)) for item in itertools.islice(waiting, count)
  ]
  while running:
    item, result = running.pop(0)
    yield item, result.result()
    running += [(i, pool.submit(run, i)) for i in itertools.islice(waiting, 1)]
