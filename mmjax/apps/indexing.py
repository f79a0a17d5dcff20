"""Embedding a source into an index: resumable, and incremental.

Rows are committed some hundreds at a time, each with the state of its file. So
whoever is killed goes on behind the last commit, and whoever comes again embeds
only what is new or has changed, and removes what is gone.
"""

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmjax.apps import store
from mmjax.apps.checkpoint import Checkpoint
from mmjax.apps.embedding import Writer
from mmjax.apps.entries import Entry, entries, kinds
from mmjax.apps.opening import open_checkpoint
from mmjax.apps.search import Index, Recall
from mmjax.data.errors import RecordError
from mmjax.data.sources.opened import open_records
from mmjax.data.sources.records import Records
from mmjax.types import InputError

APPROXIMATE = 5000
"""Rows from which on a search looks at some groups of vectors only."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
  """What an index holds after it was built, and what was done for it."""

  rows: int
  """All rows."""
  added: int
  """Those that were not there before."""
  changed: int
  """Those that were embedded again."""
  removed: int
  """Those that left."""
  errors: Sequence[RecordError]
  """Why something is not in the index."""
  recall: Recall
  """How much an approximate search finds."""

  def as_json(self) -> dict[str, Any]:
    """Numbers alone."""
    return {
      'rows': self.rows,
      'added': self.added,
      'changed': self.changed,
      'removed': self.removed,
      'unreadable': len(self.errors),
      'approximate': self.recall.approximate,
      f'recall_at_{self.recall.k}': round(self.recall.recall, 4),
    }


def build(
  folder: str | Path,
  source: str | Records,
  *,
  checkpoint: str | Path | Checkpoint,
  modalities: Sequence[str] = (),
  rebuild: bool = False,
  approximate: int = APPROXIMATE,
) -> Report:
  """Makes an index of a source, or brings it up to date.

  Args:
    folder: of the index.
    source: a folder, manifest, Parquet file, tar ..., or `Records` that say
      more of it, such as the names of columns.
    checkpoint: what embeds: see `open_checkpoint`.
    modalities: what goes into it; all that the source has and the checkpoint
      embeds if empty.
    rebuild: whether an index of something else is replaced.
    approximate: rows from which on a search is approximate.

  Raises:
    InputError: source, checkpoint and index do not go together, or nothing can
      be read.
  """
  opened = checkpoint
  if not isinstance(opened, Checkpoint):
    opened = open_checkpoint(opened)
  given = source if isinstance(source, Records) else Records(root=source)
  records = dataclasses.replace(
    opened.records,
    **{n: getattr(given, n) for n in ('root', 'files', 'columns', 'cache')},
  )
  # It may have changed since this process has looked.
  open_records.cache_clear()
  if not opened.embeds:
    raise InputError(f'{opened.name} has no space that can be searched')
  wanted = _modalities(opened, records, modalities)
  folder = Path(folder).expanduser()
  meta = _meta(opened, records)
  old = {} if rebuild else store.read_meta(folder)
  _check_same(old, meta, folder)
  found = [*entries(records, wanted)]
  good = [entry for entry in found if isinstance(entry, Entry)]
  errors = [error for error in found if isinstance(error, RecordError)]
  if not good:
    why = f'; the first: {errors[0]}' if errors else ''
    raise InputError(
      f'{records.root} has no {" or ".join(wanted)} that can be read{why}'
    )
  columns = {'label': 'STRING', 'split': 'STRING', **kinds(good)}
  with store.lock(folder):
    if not old:
      # Also what a run has left that was killed before its first commit.
      store.clear(folder)
    writer = Writer(folder, opened, columns)
    known = writer.states() if old else {}
    todo = [e for e in good if known.get(e.id) != e.state]
    here = {entry.id for entry in good}
    try:
      writer.write(todo, known, meta, wanted)
    finally:
      writer.flush()
    broken = writer.broken
    errors += broken.values()
    gone = [i for i in known if i not in here or i in broken]
    if writer.store is None:
      raise InputError(
        f'nothing of {records.root} can be read; the first: {errors[0]}'
      )
    table = writer.store
    table.remove(gone)
    _arrange(table, approximate)
  done = [entry for entry in todo if entry.id not in broken]
  added = sum(entry.id not in known for entry in done)
  return Report(
    rows=len(table),
    added=added,
    changed=len(done) - added,
    removed=len(gone),
    errors=errors,
    recall=Index(folder, checkpoint=opened).recall(),
  )


def _arrange(table: store.Store, least: int) -> None:
  rows = len(table)
  if rows < least:
    table.drop_groups()
  elif not table.is_approximate:
    table.approximate(partitions=max(1, round(math.sqrt(rows))))
  table.tidy()


def _modalities(
  checkpoint: Checkpoint, records: Records, wanted: Sequence[str]
) -> tuple[str, ...]:
  for name in wanted:
    if name not in checkpoint.embeds:
      there = ', '.join(checkpoint.embeds)
      raise InputError(
        f'--modalities {name}: {checkpoint.name} embeds only {there}'
      )
  there = records.opened.modalities
  chosen = tuple(n for n in wanted or checkpoint.embeds if n in there)
  if not chosen:
    raise InputError(
      f'{records.root} has {", ".join(there) or "nothing"}, {checkpoint.name} '
      f'embeds {", ".join(wanted or checkpoint.embeds)}'
    )
  return chosen


def _meta(checkpoint: Checkpoint, records: Records) -> dict[str, Any]:
  def place(name: str) -> str:
    return os.path.abspath(name) if os.path.exists(name) else name

  return {
    'checkpoint': place(os.path.expanduser(checkpoint.name)),
    'identity': checkpoint.identity,
    'source': place(os.path.expanduser(records.root)),
    'files': place(os.path.expanduser(records.files)),
    'columns': dataclasses.asdict(records.columns),
  }


def _check_same(
  old: Mapping[str, Any], new: Mapping[str, Any], folder: Path
) -> None:
  for name in ('source', 'identity') if old else ():
    if old.get(name) != new[name]:
      what = 'checkpoint' if name == 'identity' else name
      raise InputError(
        f'{folder} is an index of another {what} ({old.get(what)}): name '
        'another folder, or --rebuild it'
      )
