"""One config under jit, under pmap and in two processes: the same run.

Trains on eight devices, fake ones where there is no accelerator, and compares
what the runs logged and what their final evaluations say.

  python benchmarks/strategies.py --workdir runs/strategies [--steps 100]

What has run in the workdir goes on from there; what has ended is only scored.
"""

import argparse
import itertools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
DEVICES = 8
NEAR = 1e-5


class Way(NamedTuple):
  """How many processes, which strategy, and the way to compare it with."""

  processes: int
  strategy: str
  reference: str


WAYS = {
  'jit': Way(1, 'jit', 'jit'),
  'pmap': Way(1, 'pmap', 'jit'),
  'jit, two processes': Way(2, 'jit', 'jit'),
  'pmap, two processes': Way(2, 'pmap', 'pmap'),
}


def run(
  config: Path,
  workdir: Path,
  *,
  processes: int,
  strategy: str,
  options: Sequence[str] = (),
) -> dict[str, float]:
  """Trains in so many processes; returns the final evaluation.

  Raises:
    RuntimeError: a process failed; the message is what it said last.
  """
  with socket.socket() as free:
    free.bind(('localhost', 0))
    coordinator = f'localhost:{free.getsockname()[1]}'
  command = [
    *(sys.executable, str(ROOT / 'train.py'), '--config', str(config)),
    *('--workdir', str(workdir), '--strategy', strategy, *options),
  ]
  flags = os.environ.get('XLA_FLAGS', '')
  flag = f'--xla_force_host_platform_device_count={DEVICES // processes}'
  environment = {
    **os.environ,
    'XLA_FLAGS': f'{flags} {flag}',
    # A CPU's products are split over threads, of which a process has at least
    # as many as devices: another number adds up in another order.
    'PJRT_NPROC': str(DEVICES),
  }
  started: list[subprocess.Popen[str]] = []
  for process in range(processes):
    together = []
    if processes > 1:
      together = [
        *('--coordinator', coordinator, '--processes', str(processes)),
        *('--process', str(process)),
      ]
    started.append(
      subprocess.Popen(
        [*command, *together],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
      )
    )
  said = [process.communicate() for process in started]
  for process, (_, err) in zip(started, said, strict=True):
    if process.returncode:
      raise RuntimeError(err[-2000:])
  return json.loads(said[0][0].splitlines()[-1])


def losses(workdir: Path) -> dict[int, float]:
  """Step -> training loss, from a run's log."""
  lines = (workdir / 'metrics.jsonl').read_text().splitlines()
  rows = [json.loads(line) for line in lines]
  return {row['step']: row['loss'] for row in rows if row['split'] == 'train'}


def compare(
  config: Path, workdir: Path, options: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
  """How far each way of running is from its reference.

  Returns:
    By way: `reference`; `agreed`, the last step up to which all losses are
    within `NEAR`; the largest difference of losses and of the numbers of the
    final evaluation.
  """
  folders = {
    name: workdir / name.replace(', ', '_').replace(' ', '_') for name in WAYS
  }
  results = {
    name: run(
      config,
      folders[name],
      processes=way.processes,
      strategy=way.strategy,
      options=options,
    )
    for name, way in WAYS.items()
  }
  found = {}
  for name, result in results.items():
    reference = WAYS[name].reference
    want, want_losses = results[reference], losses(folders[reference])
    logged = losses(folders[name])
    if logged.keys() != want_losses.keys() or result.keys() != want.keys():
      raise RuntimeError(
        f'{name} logged other steps or numbers than {reference}'
      )
    apart = {s: abs(logged[s] - want_losses[s]) for s in sorted(want_losses)}
    near = itertools.takewhile(lambda x: x[1] <= NEAR, apart.items())
    found[name] = {
      'reference': reference,
      'agreed': max((step for step, _ in near), default=0),
      'loss': max(apart.values()),
      'evaluation': max(abs(result[key] - want[key]) for key in want),
      'fused accuracy': result['eval/fused/accuracy'],
    }
  return found


def main() -> None:
  """Prints the table and one JSON line."""
  parser = argparse.ArgumentParser(
    description=__doc__.splitlines()[0],
    epilog='All other options go to the config, such as --steps 100.',
  )
  parser.add_argument('--workdir', type=Path, required=True)
  parser.add_argument(
    '--config', type=Path, default=ROOT / 'configs' / 'digits.py'
  )
  args, options = parser.parse_known_args()
  found = compare(args.config, args.workdir, options)
  print(
    '| 8 devices | accuracy | compared with | losses within '
    f'{NEAR:.0e} up to step | losses differ by | evaluation differs by |'
  )
  print('|---|---|---|---|---|---|')
  for name, row in found.items():
    print(
      f'| {name} | {row["fused accuracy"]:.4f} | {row["reference"]} | '
      f'{row["agreed"]} | '
      f'{row["loss"]:.1e} | '
      f'{row["evaluation"]:.1e} |'
    )
  print(json.dumps(found))


if __name__ == '__main__':
  main()
