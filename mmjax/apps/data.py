"""`mmjax data`: what is in a source and what is wrong; its vocabulary."""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mmjax.apps import tokenizer
from mmjax.apps.source import WHAT, parse_source
from mmjax.data.sources.inspection import Inspection, inspect
from mmjax.data.sources.sheet import contact_sheet
from mmjax.types import InputError

_SHOWN = 20  # classes, and errors
_EPILOG = """\
What follows are the fields of mmjax.data.sources.Records, such as
--columns.label species; --help behind SOURCE lists them.
"""


def main(argv: Sequence[str]) -> int:
  """Runs a command line, without `mmjax data`.

  Raises:
    InputError: the source cannot be read.
  """
  parser = argparse.ArgumentParser(prog='mmjax data', allow_abbrev=False)
  commands = parser.add_subparsers(metavar='COMMAND', required=True)
  command = commands.add_parser(
    'inspect',
    help='count, measure and show what is in a source',
    description='Counts, measures and shows what is in a source.',
    epilog=_EPILOG,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )
  command.add_argument(
    'source',
    metavar='SOURCE',
    help=WHAT,
  )
  command.add_argument(
    '--sheet',
    type=Path,
    default=Path('contact_sheet.png'),
    metavar='PNG',
    help='where a contact sheet is written (contact_sheet.png)',
  )
  command.add_argument(
    '--limit',
    type=int,
    default=1000,
    help='how many records are decoded; all are counted (1000)',
  )
  command.add_argument(
    '--json', action='store_true', help='print one JSON object'
  )
  # What is asked of it is its own business.
  commands.add_parser(
    'tokenizer', help='learn a vocabulary from texts', add_help=False
  )
  if argv[:1] == ['tokenizer']:
    return tokenizer.main(argv[1:])
  own, rest = parser.parse_known_args(argv)
  if own.limit < 1:
    raise InputError(f'--limit {own.limit} is below 1')
  data = parse_source(own.source, rest, prog='mmjax data inspect SOURCE')
  found = inspect(data, limit=own.limit)
  _write(own.sheet, contact_sheet(found.shown, data))
  if own.json:
    print(json.dumps({**found.numbers(), 'sheet': str(own.sheet)}))
    return 0
  console = Console(highlight=False, markup=False, soft_wrap=True)
  for part in _tell(found):
    console.print(part)
  console.print(f'{len(found.shown)} of them are shown in {own.sheet}')
  return 0


def _write(file: Path, data: bytes) -> None:
  """Writes the file as a whole, or not at all."""
  try:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix='.sheet-')
    try:
      with os.fdopen(handle, 'wb') as f:
        f.write(data)
      os.chmod(name, 0o644)
      os.replace(name, file)
    except BaseException:
      os.unlink(name)
      raise
  except OSError as error:
    raise InputError(f'cannot write {file}: {error.strerror}') from error


def _tell(found: Inspection) -> Iterator[str | Table]:
  """What was found, for people."""
  splits = ', '.join(f'{n} {split}' for split, n in found.splits.items())
  yield f'{found.root}: {found.records} records ({splits})'
  table = _table('', 'there', 'missing')
  for name, count in found.present.items():
    absent = 1 - count / found.records
    table.add_row(name, str(count), f'{100 * absent:.1f} %')
  yield table
  if found.lengths:
    table = _table(f'of {found.sampled}', 'least', 'median', '90 %', 'most')
    for name, numbers in found.lengths.items():
      table.add_row(name, *(f'{x:.4g}' for x in numbers))
    yield table
  if found.labels:
    total = sum(found.labels.values())
    table = _table(f'{len(found.labels)} classes', 'records', 'share')
    ranked = sorted(found.labels.items(), key=lambda item: -item[1])
    for name, count in ranked[:_SHOWN]:
      table.add_row(name, str(count), f'{100 * count / max(total, 1):.1f} %')
    if len(ranked) > _SHOWN:
      rest = sum(count for _, count in ranked[_SHOWN:])
      share = f'{100 * rest / max(total, 1):.1f} %'
      table.add_row(f'{len(ranked) - _SHOWN} others', str(rest), share)
    yield table
  if found.broken:
    records = 'record' if len(found.broken) == 1 else 'records'
    yield f'{len(found.broken)} {records} cannot be read:'
    yield '\n'.join(f'  {error}' for error in found.broken[:_SHOWN])
    if len(found.broken) > _SHOWN:
      yield f'  and {len(found.broken) - _SHOWN} more'


def _table(first: str, *others: str) -> Table:
  table = Table(first, box=None, pad_edge=False)
  for name in others:
    table.add_column(name, justify='right')
  return table
