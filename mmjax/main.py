"""Training from the command line: what `train.py` calls."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import jax

from mmjax.train import distributed, topologies
from mmjax.train.config import load_config
from mmjax.train.loop import evaluate_last, train
from mmjax.train.plan import plan
from mmjax.types import InputError

_EPILOG = """\
Every field of the config is an option too, such as --steps 100 or
--optimizer.peak-lr 3e-4; --config FILE --help lists them all.
"""


def main(argv: Sequence[str] | None = None) -> int:
  """Runs a training command line.

  Args:
    argv: the options; those of the process if None.

  Returns:
    The exit code: 0 done, 2 the input cannot be used, 130 interrupted.
  """
  argv = list(sys.argv[1:] if argv is None else argv)
  try:
    return _main(argv)
  except InputError as error:
    print(f'error: {error}', file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    return 130


def _topology(own: argparse.Namespace) -> topologies.Topology:
  if own.evaluate:
    raise InputError('--plan and --evaluate exclude each other')
  if own.distributed or own.coordinator:
    raise InputError('--plan needs no other process, on any topology')
  return topologies.find(own.plan)


def _main(argv: list[str]) -> int:
  parser = argparse.ArgumentParser(
    prog='train.py',
    description='Trains a model, or goes on with a run that was stopped.',
    epilog=_EPILOG,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    add_help=False,
    allow_abbrev=False,
  )
  parser.add_argument(
    '--config', type=Path, help='file with get_config(), as in configs/'
  )
  parser.add_argument(
    '--workdir', type=Path, help='folder of the run: logs, checkpoints, report'
  )
  parser.add_argument(
    '--evaluate',
    action='store_true',
    help='score the last checkpoint, without training',
  )
  parser.add_argument(
    '--plan',
    metavar='TOPOLOGY',
    help='compile for devices that need not be there, such as v5e:4x4 or cpu:8,'
    ' and say what a step takes; nothing is trained',
  )
  distributed.add_options(parser)
  own, rest = parser.parse_known_args(argv)
  asks_help = '--help' in rest or '-h' in rest
  if own.config is None:
    if asks_help:
      parser.print_help()
      return 0
    raise InputError('--config FILE is required; there are some in configs/')
  if asks_help:
    parser.print_help()
  topology = None
  if own.plan is None:
    distributed.start(own)
  else:
    topology = _topology(own)
    topology.prepare()
  config = load_config(own.config, rest)
  if own.workdir is None:
    raise InputError('--workdir FOLDER is required')
  if own.workdir.exists() and not own.workdir.is_dir():
    raise InputError(f'--workdir {own.workdir} is a file')
  if topology is not None:
    print(json.dumps(plan(config, topology, own.workdir)))
    return 0
  if own.evaluate:
    results = evaluate_last(config, own.workdir)
  else:
    results = train(config, own.workdir, source=own.config, argv=argv)
  if jax.process_index() > 0:
    return 0  # The first process speaks for all.
  # JSON has no NaN, which a number over no examples is.
  finite = {k: v if math.isfinite(v) else None for k, v in results.items()}
  print(json.dumps(finite))
  return 0
