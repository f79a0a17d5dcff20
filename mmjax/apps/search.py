"""Finding pictures, sounds and texts by a text, a picture or a sound.

`mmjax.apps.indexing.build` makes an index, `Index` searches it.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from mmjax.apps import store
from mmjax.apps.cells import Cell
from mmjax.apps.checkpoint import Checkpoint
from mmjax.apps.opening import open_checkpoint
from mmjax.types import InputError

MOST = 10_000  # results of a query


class Hit(NamedTuple):
  """Something that was found.

  Attributes:
    path: the file, or file and row of a text or a picture inside of it.
    modality: image, audio or text.
    score: cosine similarity, -1 to 1.
    fields: the other columns: label, split, and those of a table.
  """

  path: str
  modality: str
  score: float
  fields: Mapping[str, Any]

  def as_json(self) -> dict[str, Any]:
    """`{path, modality, score}`."""
    return {
      'path': self.path,
      'modality': self.modality,
      'score': round(self.score, 6),
    }


class Recall(NamedTuple):
  """How much of what is nearest an approximate search finds.

  Attributes:
    recall: mean share of the `k` nearest.
    k: how many are asked for.
    queries: how many queries were tried.
    rows: how many rows there are.
    approximate: False if every search is exact.
  """

  recall: float
  k: int
  queries: int
  rows: int
  approximate: bool


class Index:
  """An index, opened for searching.

  Example:
    `Index('stamps.index').query(text='a red car', k=3)`.
  """

  def __init__(
    self,
    folder: str | Path,
    *,
    checkpoint: Checkpoint | str | Path | None = None,
  ):
    """Opens it.

    Args:
      folder: of the index.
      checkpoint: that which it was made with, if it is at another place now.

    Raises:
      InputError: there is no index.
    """
    self.folder = Path(folder).expanduser()
    self.meta = store.read_meta(self.folder)
    if not self.meta:
      raise InputError(f'there is no index in {folder}: mmjax search index')
    self._given = checkpoint
    self.store = store.Store(self.folder)

  @functools.cached_property
  def checkpoint(self) -> Checkpoint:
    """What it was made with.

    Raises:
      InputError: it is not there any more, or has changed.
    """
    found = self._given or self.meta['checkpoint']
    if not isinstance(found, Checkpoint):
      found = open_checkpoint(found)
    if found.identity != self.meta['identity']:
      raise InputError(
        f'{self.folder} was made with another state of '
        f'{self.meta["checkpoint"]} than {found.name} has now: index again, '
        'with --rebuild'
      )
    return found

  def query(
    self,
    *,
    text: str | None = None,
    image: Cell | None = None,
    audio: Cell | None = None,
    k: int = 10,
    where: str | None = None,
    modality: str | None = None,
    exact: bool = False,
  ) -> list[Hit]:
    """What is nearest to a text, a picture or a sound; or to several together.

    Args:
      text: what to look for.
      image: a picture: its path or bytes.
      audio: a sound: its path or bytes.
      k: how many.
      where: a condition on the columns in SQL, such as `label = 'animals'`.
      modality: what may be found; anything if None.
      exact: whether all rows are looked at, also of a large index.

    Raises:
      InputError: nothing is given, or it cannot be used.
      RecordError: a file cannot be read.
    """
    given = {'text': text, 'image': image, 'audio': audio}
    asked = {name: x for name, x in given.items() if x is not None}
    if not asked:
      raise InputError('a query is a text, a picture or a sound: give one')
    if text is not None and not text.strip():
      raise InputError('the text of the query is empty')
    _check(k)
    parts = [self.checkpoint.embed(n, [x])[0] for n, x in asked.items()]
    return self.near(
      np.sum(parts, axis=0), k=k, where=where, modality=modality, exact=exact
    )

  def near(
    self,
    vector: Float[np.ndarray, ' d'],
    *,
    k: int = 10,
    where: str | None = None,
    modality: str | None = None,
    exact: bool = False,
  ) -> list[Hit]:
    """What is nearest to a vector of the common space; see `query`."""
    _check(k)
    if not np.isfinite(vector).all() or not np.any(vector):
      raise InputError('the model makes nothing of this query')
    conditions = [f'({where})'] if where and where.strip() else []
    if modality is not None:
      if modality not in self.meta['modalities']:
        there = ', '.join(self.meta['modalities'])
        raise InputError(f'{self.folder} has no {modality}: it has {there}')
      conditions.append(f"modality = '{modality}'")
    found = self.store.search(
      np.asarray(vector, np.float32),
      k=k,
      where=' AND '.join(conditions) or None,
      exact=exact,
    )
    return [
      Hit(
        row['path'],
        row['modality'],
        1 - float(row['_distance']),
        {
          name: x
          for name, x in row.items()
          if name not in (*store.OWN, '_distance')
        },
      )
      for row in found
    ]

  def recall(self, *, k: int = 10, queries: int = 200) -> Recall:
    """Compares the approximate search with an exact one.

    Args:
      k: how many are asked for.
      queries: rows, evenly drawn from the index, that are searched for.
    """
    rows = len(self.store)
    chosen = np.unique(np.linspace(0, rows - 1, min(queries, rows)).astype(int))
    if not self.store.is_approximate or not rows:
      return Recall(1.0, k, 0, rows, False)
    found = []
    for vector in self.store.vectors(chosen.tolist()):
      exact, some = (
        {row['id'] for row in self.store.search(vector, k=k, exact=how)}
        for how in (True, False)
      )
      found.append(len(exact & some) / max(len(exact), 1))
    return Recall(float(np.mean(found)), k, len(found), rows, True)


def _check(k: int) -> None:
  if not 1 <= k <= MOST:
    raise InputError(f'--k {k} is not from 1 to {MOST}')
