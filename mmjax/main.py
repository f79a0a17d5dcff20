"""Training from the command line: what `train.py` calls."""

import argparse
import json
import math
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import jax

from mmjax.train import distributed, processes, topologies
from mmjax.train.config import load_config, split_argument
from mmjax.train.errors import RunError, Stopped
from mmjax.train.interrupt import preemptible
from mmjax.train.loop import evaluate_last, train
from mmjax.train.plan import plan
from mmjax.train.quiet import hush_failed_saves
from mmjax.types import InputError

_EPILOG = """\
Every field of the config is an option too, such as --steps 100 or
--optimizer.peak-lr 3e-4; --config FILE --help lists them all.

Compiled programs are kept in ~/.cache/mmjax/compiled: JAX_COMPILATION_CACHE_DIR
names another folder, JAX_ENABLE_COMPILATION_CACHE=false keeps none.
"""


def main(argv: Sequence[str] | None = None) -> int:
  """Runs a training command line.

  Args:
    argv: the options; those of the process if None.

  Returns:
    The exit code: 0 done, or ended by SIGTERM with all saved; 1 the run cannot
    go on; 2 the input cannot be used; 130 interrupted.
  """
  argv = list(sys.argv[1:] if argv is None else argv)
  try:
    with preemptible():
      return _main(argv)
  except InputError as error:
    return _fail(2, f'error: {error}')
  except RunError as error:
    return _fail(1, f'error: {error}')
  except Stopped as stopped:
    return stopped.code
  except KeyboardInterrupt:
    return _fail(130, 'interrupted')
  except Exception as error:
    if not jax.distributed.is_initialized():
      raise
    # Most often another process is gone; its own output says why.
    reason = str(error).strip().partition('\n')[0]
    return _fail(
      1,
      f'{traceback.format_exc()}error: process {jax.process_index()} of '
      f'{jax.process_count()} cannot go on, and ends: {reason}',
    )


def _fail(code: int, text: str) -> int:
  print(text, file=sys.stderr, flush=True)
  if jax.distributed.is_initialized():
    # An orderly exit would wait for the others, who wait for this process.
    os._exit(code)
  return code


def keep_compiled() -> None:
  """Turns the persistent cache of compiled programs on, where nobody has.

  On CPUs it is off for several processes: only the first one's programs would
  be kept there, and while the others compile it would not wait for long.
  """
  if jax.process_count() > 1 and jax.default_backend() == 'cpu':
    jax.config.update('jax_enable_compilation_cache', False)
    return
  if jax.config.values['jax_compilation_cache_dir'] is None:
    cache = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    folder = Path(cache) / 'mmjax' / 'compiled'
    jax.config.update('jax_compilation_cache_dir', str(folder))
  if 'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS' not in os.environ:
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.2)


def _topology(own: argparse.Namespace) -> topologies.Topology:
  if own.evaluate:
    raise InputError('--plan and --evaluate exclude each other')
  if own.distributed or own.coordinator:
    raise InputError('--plan needs no other process, on any topology')
  return topologies.find(own.plan)


def add_options(parser: argparse.ArgumentParser) -> None:
  """Adds the options that are not the config's."""
  parser.add_argument(
    '--config',
    type=Path,
    metavar='FILE[:ARGUMENT]',
    help='file with get_config(), as in configs/, and what that is given',
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


def _main(argv: list[str]) -> int:
  parser = argparse.ArgumentParser(
    prog='train.py',
    description='Trains a model, or goes on with a run that was stopped.',
    epilog=_EPILOG,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    add_help=False,
    allow_abbrev=False,
  )
  add_options(parser)
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
  keep_compiled()
  hush_failed_saves()
  if own.evaluate:
    results = evaluate_last(config, own.workdir)
  else:
    source, _ = split_argument(own.config)
    results = train(config, own.workdir, source=source, argv=argv)
  # JSON has no NaN, which a number over no examples is.
  finite = {k: v if math.isfinite(v) else None for k, v in results.items()}
  if processes.is_first():
    print(json.dumps(finite))
  return 0
