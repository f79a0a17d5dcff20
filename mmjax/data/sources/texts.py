"""The texts of a source, to learn a vocabulary from."""

from collections.abc import Iterator

from mmjax.data.errors import RecordError
from mmjax.data.sources.opened import cell_of
from mmjax.data.sources.record import Record
from mmjax.data.sources.records import Records


def texts_of(data: Records, split: str = 'train') -> Iterator[str]:
  """The texts of a split, clean as the tokenizer is given them.

  Raises:
    InputError: there is no such split, or it is empty.
    RecordError: one cannot be read, and `on_error` is 'raise'.
  """
  for example in data.source(split):
    try:
      yield from _text(data, example)
    except RecordError:
      if data.on_error == 'raise':
        raise


def _text(data: Records, example: dict) -> Iterator[str]:
  if 'error' in example:
    raise example['error']
  record: Record = example['record']
  cell = cell_of(record, 'text', data.columns)
  if cell is None:
    return
  try:
    yield data.text_of(cell)
  except RecordError as error:
    raise record.error(f'text: {error.reason}') from error
