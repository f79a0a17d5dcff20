"""A figure of some queries and what they found."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from mmjax.evaluators import figures, rows
from mmjax.evaluators.ranking import Embedded

_HEADS = ('found first', 'second', 'third')


@runtime_checkable
class Decoder(Protocol):
  """Turns token ids into text."""

  def decode(self, ids: np.ndarray) -> str:
    """The text of one row of ids."""
    ...


class Example(NamedTuple):
  """A query and what it found, as positions in a pass over the batches.

  Attributes:
    query: the query.
    found: the items that score highest, best first.
    right: which of them are relevant.
    answer: a relevant item, the query's own partner where it has one.
    match: values of `match` of the query, of what it found, of the answer.
  """

  query: int
  found: tuple[int, ...]
  right: tuple[bool, ...]
  answer: int
  match: tuple[int, ...]


def choose(
  pools: Sequence[tuple[Embedded, Embedded]], *, count: int
) -> list[Example]:
  """Takes queries at even distances, whatever they found: nobody picks them.

  Args:
    pools: queries, and the items that they are looked for among. Every query
      has a relevant item.
    count: how many queries, fewer where there are not so many.

  Returns:
    Examples in the order of the batches.
  """
  queries = sorted(
    (row, p, i)
    for p, (asked, _) in enumerate(pools)
    for i, row in enumerate(asked.row.tolist())
  )
  examples = []
  where = np.linspace(0, len(queries) - 1, min(count, len(queries)))
  for j in where.round().astype(int):
    row, p, i = queries[j]
    asked, there = pools[p]
    best = np.argsort(-(there.x @ asked.x[i]), kind='stable')[: len(_HEADS)]
    relevant = there.match == asked.match[i]
    answers = there.row[relevant]
    own = answers[answers == row]
    value = int(asked.match[i])
    examples.append(
      Example(
        query=row,
        found=tuple(there.row[best].tolist()),
        right=tuple(relevant[best].tolist()),
        answer=int(own[0] if own.size else answers[0]),
        match=(value, *there.match[best].tolist(), value),
      )
    )
  return examples


def draw(
  path: Path,
  *,
  batches: rows.Batches,
  view: str,
  query: str,
  key: str,
  examples: Sequence[Example],
  tokenizer: Decoder,
  names: Sequence[str] = (),
) -> None:
  """Draws the examples; reads the rows that it shows, and keeps no others.

  Args:
    path: PNG that is written.
    batches: view name -> batches, the same as when the examples were chosen.
    view: which of them.
    query: modality of the queries.
    key: modality of what they found.
    examples: at least one.
    tokenizer: decodes the ids of texts.
    names: of the values of `match`, where they have any; stand below.
  """
  asked = _values(batches(view), query, {e.query for e in examples}, tokenizer)
  wanted = {row for e in examples for row in (*e.found, e.answer)}
  there = _values(batches(view), key, wanted, tokenizer)
  lines = []
  for example in examples:
    cells = [
      figures.Cell(query, asked[example.query], None),
      *(
        figures.Cell(key, there[row], right)
        for row, right in zip(example.found, example.right, strict=True)
      ),
      figures.Cell(key, there[example.answer], None),
    ]
    if names:
      captions = [names[value] for value in example.match]
      pairs = zip(cells, captions, strict=True)
      cells = [cell._replace(caption=caption) for cell, caption in pairs]
    lines.append(cells)
  shown = max(len(example.found) for example in examples)
  figures.gallery(
    path,
    lines=lines,
    heads=[f'{query} asked', *_HEADS[:shown], 'right answer'],
    title=f'What {query} finds among {key}',
  )


def _values(
  batches, modality: str, wanted: set[int], tokenizer: Decoder
) -> dict[int, Any]:
  """Row -> what can be drawn of it: an image, a waveform, or text."""
  values, start = {}, 0
  for batch in batches:
    stop = start + len(batch['weight'])
    here = sorted(row - start for row in wanted if start <= row < stop)
    if here:
      array = rows.column(batch, modality)[here]
      masks = rows.host(batch['mask'][modality])[here]
      for row, value, mask in zip(here, array, masks, strict=True):
        # An image has one mask for all of it; sequences have one a step.
        value = value[mask] if mask.ndim == 1 else value
        text = modality == 'text'
        values[start + row] = tokenizer.decode(value) if text else value
    start = stop
    if len(values) == len(wanted):
      break
  return values
