"""`mmjax search index` and `mmjax search query`."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mmjax.apps.indexing import APPROXIMATE, Report, build
from mmjax.apps.opening import open_checkpoint
from mmjax.apps.search import Hit, Index
from mmjax.apps.source import WHAT, parse_source
from mmjax.data.sources.opened import MODALITIES
from mmjax.main import keep_compiled
from mmjax.types import InputError

_SHOWN = 10  # errors
_EPILOG = """\
What follows are fields of mmjax.data.sources.Records that say what stands in
the source, such as --columns.image photo or --files FOLDER.
"""


def main(argv: Sequence[str]) -> int:
  """Runs a command line, without `mmjax search`.

  Raises:
    InputError: what is given cannot be used.
  """
  parser = argparse.ArgumentParser(
    prog='mmjax search',
    description='Finds pictures, sounds and texts by a text, picture or sound.',
    allow_abbrev=False,
  )
  commands = parser.add_subparsers(metavar='COMMAND', required=True)
  _add_index(commands)
  _add_query(commands)
  own, rest = parser.parse_known_args(argv)
  if own.run is not _index and rest:
    parser.error(f'unrecognized arguments: {" ".join(rest)}')
  keep_compiled()
  return own.run(own, rest)


def _add_index(commands) -> None:
  command = commands.add_parser(
    'index',
    help='embed a source, or what is new in it',
    description='Embeds a source into an index. Run again, it goes on where it '
    'was stopped, embeds what is new or has changed, and removes what is gone.',
    epilog=_EPILOG,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )
  command.set_defaults(run=_index)
  command.add_argument(
    '--checkpoint',
    required=True,
    metavar='C',
    help='workdir of a run, or folder or hub name of a checkpoint',
  )
  command.add_argument(
    '--source',
    required=True,
    metavar='S',
    help=WHAT,
  )
  command.add_argument(
    '--index', required=True, type=Path, metavar='I', help='folder of the index'
  )
  command.add_argument(
    '--modalities',
    nargs='+',
    choices=MODALITIES,
    default=(),
    help='what goes into it; all that is there and the checkpoint embeds if '
    'not given',
  )
  command.add_argument(
    '--rebuild',
    action='store_true',
    help='replace an index of another source or checkpoint',
  )
  command.add_argument(
    '--approximate',
    type=int,
    default=APPROXIMATE,
    metavar='ROWS',
    help='rows from which on searches are approximate '
    f'({APPROXIMATE}); their recall is printed',
  )
  command.add_argument(
    '--batch-size', type=int, default=32, help='rows of a batch (32)'
  )
  command.add_argument(
    '--json', action='store_true', help='print one JSON object'
  )


def _add_query(commands) -> None:
  command = commands.add_parser(
    'query',
    help='search an index',
    description='Prints what is nearest in an index.',
    allow_abbrev=False,
  )
  command.set_defaults(run=_query)
  command.add_argument(
    '--index', required=True, type=Path, metavar='I', help='folder of the index'
  )
  command.add_argument('--text', metavar='T', help='what to look for, in words')
  command.add_argument('--image', metavar='F', help='a picture to look for')
  command.add_argument('--audio', metavar='F', help='a sound to look for')
  command.add_argument('--k', type=int, default=10, help='how many (10)')
  command.add_argument(
    '--where',
    metavar='FILTER',
    help='condition on the columns in SQL, such as "label = \'animals\'"',
  )
  command.add_argument(
    '--modality', choices=MODALITIES, help='what may be found; all if not given'
  )
  command.add_argument(
    '--exact', action='store_true', help='look at every row of a large index'
  )
  command.add_argument(
    '--checkpoint', metavar='C', help='where the checkpoint is now, if moved'
  )
  command.add_argument(
    '--json',
    action='store_true',
    help='print a JSON list of {path, modality, score}',
  )


def _index(own: argparse.Namespace, rest: Sequence[str]) -> int:
  for name in ('approximate', 'batch_size'):
    if getattr(own, name) < 1:
      option = name.replace('_', '-')
      raise InputError(f'--{option} {getattr(own, name)} is below 1')
  records = parse_source(own.source, rest, prog='mmjax search index')
  report = build(
    own.index,
    records,
    checkpoint=open_checkpoint(own.checkpoint, batch_size=own.batch_size),
    modalities=tuple(own.modalities),
    rebuild=own.rebuild,
    approximate=own.approximate,
  )
  for error in report.errors[:_SHOWN]:
    print(f'left out: {error}', file=sys.stderr)
  if len(report.errors) > _SHOWN:
    more = len(report.errors) - _SHOWN
    print(f'left out: {more} more', file=sys.stderr)
  if own.json:
    print(json.dumps(report.as_json()))
  else:
    print(_tell(own.index, report))
  return 0


def _tell(folder: Path, report: Report) -> str:
  recall = report.recall
  how = 'every search is exact'
  if recall.approximate:
    how = (
      f'searches are approximate: recall {recall.recall:.3f} of the '
      f'{recall.k} nearest, in {recall.queries} queries'
    )
  return (
    f'{folder}: {report.rows} rows ({report.added} added, {report.changed} '
    f'changed, {report.removed} removed, {len(report.errors)} left out); {how}'
  )


def _query(own: argparse.Namespace, rest: Sequence[str]) -> int:
  del rest
  index = Index(own.index, checkpoint=own.checkpoint)
  hits = index.query(
    text=own.text,
    image=own.image,
    audio=own.audio,
    k=own.k,
    where=own.where,
    modality=own.modality,
    exact=own.exact,
  )
  if own.json:
    print(json.dumps([hit.as_json() for hit in hits], ensure_ascii=False))
  else:
    _show(hits)
  return 0


def _show(hits: Sequence[Hit]) -> None:
  console = Console(highlight=False, markup=False, soft_wrap=True)
  if not hits:
    console.print('nothing found')
    return
  table = Table('score', 'modality', box=None, pad_edge=False)
  table.add_column('path', overflow='fold')
  said = [name for name in ('label', 'text') if any(
    hit.fields.get(name) for hit in hits
  )]  # fmt: skip
  for name in said:
    table.add_column(name, max_width=40, no_wrap=True)
  # Below where one is, a path is shorter from there.
  here = os.getcwd() + os.sep
  for hit in hits:
    fields = [str(hit.fields.get(name) or '') for name in said]
    path = _printable(hit.path.removeprefix(here))
    table.add_row(
      f'{hit.score:.3f}', hit.modality, path, *map(_printable, fields)
    )
  console.print(table)


def _printable(text: str) -> str:
  """Without what could steer a terminal."""
  return ''.join(c if c.isprintable() else '\ufffd' for c in text)
