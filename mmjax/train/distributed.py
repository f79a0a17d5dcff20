"""Several processes, one on each host, that train together."""

import argparse

import jax

from mmjax.types import InputError

# A process that dies is noticed by the others after this long; JAX's own 100
# seconds would keep a pod idle.
_HEARTBEAT_SECONDS = 20


def add_options(parser: argparse.ArgumentParser) -> None:
  """Adds the options that `start` reads."""
  group = parser.add_argument_group('several processes')
  group.add_argument(
    '--distributed',
    action='store_true',
    help='join the other hosts of the cluster that this process runs in '
    '(Cloud TPU, Slurm, Open MPI, Kubernetes, or JAX_COORDINATOR_ADDRESS)',
  )
  group.add_argument(
    '--coordinator',
    metavar='HOST:PORT',
    help='where process 0 listens; for hosts that no cluster knows',
  )
  group.add_argument(
    '--processes', type=int, metavar='N', help='how many processes there are'
  )
  group.add_argument(
    '--process', type=int, metavar='I', help='which of them this is, from 0'
  )


def start(options: argparse.Namespace) -> None:
  """Connects to the other processes, if the options say that there are any.

  Must run before JAX looks for devices.

  Raises:
    InputError: the options are not complete, or no connection was made.
  """
  by_hand = {
    '--coordinator': options.coordinator,
    '--processes': options.processes,
    '--process': options.process,
  }
  missing = [name for name, value in by_hand.items() if value is None]
  if len(missing) == len(by_hand) and not options.distributed:
    return
  if missing and not options.distributed:
    given = [name for name in by_hand if name not in missing]
    raise InputError(f'{given[0]} needs {" and ".join(missing)} too')
  if not missing and not 0 <= options.process < options.processes:
    raise InputError(
      f'--process {options.process} is not below --processes '
      f'{options.processes}'
    )
  try:
    jax.distributed.initialize(
      coordinator_address=options.coordinator,
      num_processes=options.processes,
      process_id=options.process,
      heartbeat_timeout_seconds=_HEARTBEAT_SECONDS,
    )
  except (RuntimeError, ValueError) as error:
    first = str(error).splitlines()[0]
    raise InputError(f'cannot join the other processes: {first}') from error
