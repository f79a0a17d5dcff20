"""Views of the stamps: which rows show which stamp in which languages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mmjax.data.datasets.stamps_cache import Stamp, read_stamp

Stamps = Iterable[tuple[int, Stamp]]  # with their place in the cached split


class Row(NamedTuple):
  """What one row of a view shows of a stamp.

  Attributes:
    index: which record of the cached split.
    text: language of the text, None for no text.
    audio: language of the speech, None for no speech.
    group: rows that belong together share it; None: derived from the text.
  """

  index: int
  text: str | None
  audio: str | None
  group: int | None = None


class Rows(Sequence[dict]):
  """Random access to rows; picklable, since records are read where needed."""

  def __init__(self, directory: str, split: str, view: str, rows: list[Row]):
    self._directory, self._split = directory, split
    self._view, self._rows = view, rows

  def __len__(self) -> int:
    return len(self._rows)

  def __getitem__(self, index: int) -> dict:
    row = self._rows[index]
    stamp = read_stamp(self._directory, self._split, row.index)
    return {'stamp': stamp, 'view': self._view, **row._asdict()}


def first_spoken(stamp: Stamp, spoken: Sequence[str]) -> str | None:
  """Alphabetically first language that a stamp is spoken in."""
  return min((name for name in stamp.speech if name in spoken), default=None)


def default_rows(stamps: Stamps, spoken: Sequence[str]) -> Iterator[Row]:
  """A row a stamp: English text, the first spoken description."""
  for index, stamp in stamps:
    text = 'en' if 'en' in stamp.texts else None
    yield Row(index, text, first_spoken(stamp, spoken))


def language_rows(
  stamps: Stamps, spoken: Sequence[str], written: Sequence[str]
) -> Iterator[Row]:
  """A row a stamp and language of its text; the stamp is the group."""
  for index, stamp in stamps:
    for text in written:
      if text in stamp.texts:
        yield Row(index, text, first_spoken(stamp, spoken), stamp.number)


def speech_rows(stamps: Stamps, spoken: Sequence[str]) -> Iterator[Row]:
  """A row a stamp and language with speech and text; the text is the group."""
  groups: dict[tuple[str, str], int] = {}
  for index, stamp in stamps:
    for language in spoken:
      if language in stamp.texts and language in stamp.speech:
        key = language, stamp.texts[language]
        group = groups.setdefault(key, len(groups))
        yield Row(index, language, language, group)


def unknown(
  rows: Iterable[Row], stamps: Mapping[int, Stamp], known: Stamps
) -> list[Row]:
  """The rows whose text no known stamp has in the same language."""
  told = {pair for _, stamp in known for pair in stamp.texts.items()}
  return [
    row
    for row in rows
    if row.text and (row.text, stamps[row.index].texts[row.text]) not in told
  ]
