"""What a search has found, to be looked at and listened to."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from mmjax.apps.entries import place_of
from mmjax.apps.search import Hit
from mmjax.apps.web import markup
from mmjax.data.errors import RecordError
from mmjax.data.sources import Records, arrays
from mmjax.data.sources.opened import cell_of
from mmjax.data.sources.record import Columns, Record

_SIDE = 240  # pixels of a picture in the page
_SECONDS = 12.0  # of a sound there


@dataclasses.dataclass(frozen=True)
class Found:
  """Reads what an index has found from its source, and nothing else.

  Files are opened by the source, which knows them by its own listing: what
  stands in the index is only compared with that.
  """

  index: Any
  """What was searched: `apps.search.Index`."""

  def card(self, hit: Hit) -> markup.Card:
    """A result as the page shows it."""
    root = self.index.meta['source']
    title = hit.path.removeprefix(root).lstrip('/:')
    try:
      body = self._body(hit)
    except RecordError:
      body = '<p class="mm-quiet">It is not there any more.</p>'
    return markup.Card(title or hit.modality, hit.score, body)

  def _body(self, hit: Hit) -> str:
    row = self._rows.get((hit.modality, hit.path))
    if row is None:
      raise RecordError('not in the source')
    records = self._records
    cell = cell_of(records.opened.source[row], hit.modality, records.columns)
    if hit.modality == 'image':
      pixels = np.asarray(arrays.picture(cell, canvas=_SIDE))
      return markup.picture(pixels, side=_SIDE)
    if hit.modality == 'audio':
      return markup.sound(arrays.sound(cell, seconds=_SECONDS))
    return markup.text(arrays.text(cell))

  @functools.cached_property
  def _records(self) -> Records:
    meta = self.index.meta
    return Records(
      root=meta['source'],
      files=meta['files'],
      columns=Columns(**meta['columns']),
    )

  @functools.cached_property
  def _rows(self) -> Mapping[tuple[str, str], int]:
    """The row of the source in which each thing is."""
    found: dict[tuple[str, str], int] = {}
    opened, columns = self._records.opened, self._records.columns
    for row in range(len(opened.source)):
      try:
        record: Record = opened.source[row]
        for modality in self.index.meta['modalities']:
          cell: Any = cell_of(record, modality, columns)
          if cell is not None:
            found.setdefault((modality, place_of(record, cell, row)), row)
      except RecordError:  # was not indexed either
        continue
    return found
