"""What is in a source, in numbers: before anything is trained on it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmjax.data.dataset import SPLITS
from mmjax.data.errors import RecordError
from mmjax.data.sources import arrays
from mmjax.data.sources.opened import cell_of
from mmjax.data.sources.record import Record
from mmjax.data.sources.records import Records

_QUANTILES = 0.0, 0.5, 0.9, 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspection:
  """What was found.

  Attributes:
    root: the source.
    records: number of records.
    splits: number of records in each split.
    present: number of records that have something, by modality and 'label'.
    labels: number of records of each class; empty where that is unread.
    sampled: number of records whose files were looked into.
    lengths: smallest, median, 90th percentile and largest of each measure.
    broken: errors of records that cannot be read.
    shown: some records that can be read, for a contact sheet.
  """

  root: str
  records: int
  splits: Mapping[str, int]
  present: Mapping[str, int]
  labels: Mapping[str, int]
  sampled: int
  lengths: Mapping[str, tuple[float, ...]]
  broken: Sequence[str]
  shown: Sequence[Record]

  def numbers(self) -> dict[str, Any]:
    """All of it but the records, for JSON."""
    found = {
      f.name: getattr(self, f.name)
      for f in dataclasses.fields(self)
      if f.name not in ('shown', 'broken')
    }
    absent = {k: 1 - n / self.records for k, n in self.present.items()}
    return {**found, 'missing_rate': absent, 'broken': list(self.broken)}


def inspect(data: Records, *, limit: int = 1000, show: int = 24) -> Inspection:
  """Counts all records, and looks into the files of some.

  Args:
    data: the records.
    limit: how many records' files are read: at even distances, to the end.
    show: how many to show, of as many classes as there are.

  Raises:
    InputError: there is nothing that can be read.
  """
  opened = data.opened
  count = len(opened.source)
  rows = np.unique(np.linspace(0, count - 1, min(limit, count)).astype(int))
  broken = {row: str(error) for row, error in opened.broken.items()}
  lengths: dict[str, list[float]] = {}
  fine: dict[Any, list[Record]] = {}
  for row in rows.tolist():
    if row in broken:
      continue
    try:
      record = opened.source[row]
      for name, length in measure(record, data).items():
        lengths.setdefault(name, []).append(length)
    except RecordError as error:
      broken[row] = str(error)
    else:
      fine.setdefault(record.cells.get(data.columns.label), []).append(record)
  return Inspection(
    root=data.root,
    records=count,
    splits={split: len(opened.rows[split]) for split in SPLITS},
    present=opened.counts,
    labels={name: opened.by_label.get(name, 0) for name in opened.labels}
    if opened.by_label
    else {},
    sampled=len(rows),
    lengths={
      name: tuple(float(q) for q in np.quantile(found, _QUANTILES))
      for name, found in lengths.items()
    },
    broken=[broken[row] for row in sorted(broken)],
    shown=_in_turns(list(fine.values()), show),
  )


def measure(record: Record, data: Records) -> dict[str, float]:
  """How large what a record has is, decoded as training would.

  Raises:
    RecordError: something of it cannot be read.
  """
  found: dict[str, float] = {}
  data.prepare({'record': record, 'label': -1}, None)
  if cell_of(record, 'image', data.columns) is not None:
    size = arrays.size(cell_of(record, 'image', data.columns))
    if size is not None:
      w, h = size
      found |= {'image width': float(w), 'image height': float(h)}
  text = cell_of(record, 'text', data.columns)
  if text is not None:
    found['text characters'] = float(len(arrays.text(text)))
  sound = cell_of(record, 'audio', data.columns)
  if sound is not None:
    found['audio seconds'] = arrays.duration(sound)
  film = cell_of(record, 'video', data.columns)
  if film is not None:
    for name, number in arrays.video_measures(film).items():
      found[f'video {name}'] = number
  return found


def _in_turns(groups: Sequence[Sequence[Record]], count: int) -> list[Record]:
  """Some of each group, one after the other."""
  found: list[Record] = []
  for place in range(max(map(len, groups), default=0)):
    found += [group[place] for group in groups if place < len(group)]
    if len(found) >= count:
      break
  return found[:count]
