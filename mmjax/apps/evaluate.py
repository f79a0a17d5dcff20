"""`mmjax evaluate`: any checkpoint on any source, with what fits both."""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mmjax import main as training
from mmjax.apps.opening import open_checkpoint
from mmjax.apps.runs import run_config
from mmjax.apps.scores import score
from mmjax.apps.source import WHAT, parse_source
from mmjax.data.dataset import SPLITS
from mmjax.train.loop import evaluate_last
from mmjax.train.report import write_report
from mmjax.types import InputError

_EPILOG = """\
What is computed is what fits: accuracy, calibration and scores by class where
the model has a head for the classes of the source; zero-shot accuracy where it
has a space with texts; retrieval between modalities that stand beside each
other; linear probe and nearest neighbours on frozen features; error rates of
transcripts and captions. Without --source, a run is scored as its config says.

What follows are fields of mmjax.data.sources.Records, such as
--columns.label species.
"""


def main(argv: Sequence[str]) -> int:
  """Runs a command line, without `mmjax evaluate`.

  Raises:
    InputError: checkpoint and source do not go together.
  """
  parser = argparse.ArgumentParser(
    prog='mmjax evaluate',
    description='Scores a checkpoint on a source.',
    epilog=_EPILOG,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )
  parser.add_argument(
    '--checkpoint',
    required=True,
    metavar='C',
    help='workdir of a run, or folder or hub name of a checkpoint',
  )
  parser.add_argument(
    '--source',
    metavar='S',
    help=WHAT,
  )
  parser.add_argument(
    '--split', choices=SPLITS, default='test', help='what is scored (test)'
  )
  parser.add_argument(
    '--prompts',
    nargs='+',
    default=['{}'],
    metavar='PROMPT',
    help='templates with {} for the name of a class, for zero-shot',
  )
  parser.add_argument(
    '--report', type=Path, metavar='FOLDER', help='write a report with figures'
  )
  parser.add_argument(
    '--batch-size', type=int, default=32, help='rows of a batch (32)'
  )
  parser.add_argument(
    '--json', action='store_true', help='print one JSON object'
  )
  own, rest = parser.parse_known_args(argv)
  if own.batch_size < 1:
    raise InputError(f'--batch-size {own.batch_size} is below 1')
  training.keep_compiled()
  if own.source is None:
    if rest:
      parser.error(f'unrecognized arguments: {" ".join(rest)}')
    workdir = Path(own.checkpoint).expanduser()
    numbers = evaluate_last(run_config(workdir), workdir)
    _print(numbers, own.json)
    return 0
  records = parse_source(
    own.source, rest, prog='mmjax evaluate', on_error='skip'
  )
  checkpoint = open_checkpoint(own.checkpoint, batch_size=own.batch_size)
  found = score(
    checkpoint, records, split=own.split, prompts=tuple(own.prompts)
  )
  if own.report is not None:
    write_report(
      own.report,
      title=f'{checkpoint.name} on {own.source}',
      results=found.numbers,
      figures=found.figures,
      tables=found.tables,
    )
  _print(found.numbers, own.json)
  return 0


def _print(numbers: Mapping[str, float], as_json: bool) -> None:
  # JSON has no NaN, which a number over no examples is.
  finite = {k: v if math.isfinite(v) else None for k, v in numbers.items()}
  if as_json:
    print(json.dumps(finite))
    return
  table = Table('', 'value', box=None, pad_edge=False)
  for name, value in finite.items():
    table.add_row(name, '-' if value is None else f'{value:.4g}')
  Console(highlight=False, markup=False, soft_wrap=True).print(table)
