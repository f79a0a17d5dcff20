"""The same work in mmjax and in its peers, in turns.

Each side of each row runs in a process of its own, one after the other, A B A B
..., because machines are noisy. Seconds are medians over turns of each
process's median; the ratio is that of mmjax to the side, the median over turns,
so that what slows both down at a time counts little. `first` is the time from
the start of the process to the first result, imports and compiling included;
`peak` the most memory of the process; the share is that of the matrix products'
operations in what the faster of both sides reaches for one large product, in
the same run. All sides ask for huge pages, as `train.py` does.

Peers are read from where they are installed; without torch and transformers
their columns are left out, and it is said.

  python benchmarks/peers.py [ROW ...] [--turns 3]
"""

import argparse
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import jax

from mmjax import huge_pages
from peer_work.jobs import JOBS

LEAST_SECONDS, LEAST_RUNS, MOST_RUNS = 3.0, 3, 30


def one(name: str, side: str, started: float) -> dict[str, Any]:
  """Runs one side of a row, here."""
  warnings.simplefilter('ignore')
  work = JOBS[name].sides[side]()
  work.run()
  first = time.monotonic() - started
  times: list[float] = []
  while len(times) < LEAST_RUNS or (
    sum(times) < LEAST_SECONDS and len(times) < MOST_RUNS
  ):
    start = time.perf_counter()
    work.run()
    times.append(time.perf_counter() - start)
  status = Path('/proc/self/status').read_text()
  peak = int(re.findall(r'VmHWM:\s+(\d+) kB', status)[0]) / 1024
  return {
    'seconds': statistics.median(times),
    'first': first,
    'peak': peak,
    'flops': work.flops,
    'rate': work.rate,
    'unit': work.unit,
  }


def measure(name: str, side: str) -> dict[str, Any]:
  """The same in a process of its own.

  Raises:
    RuntimeError: it failed; the message is what it said last.
  """
  threads = str(os.cpu_count())
  environment = huge_pages.asking(os.environ) or os.environ
  done = subprocess.run(
    [sys.executable, __file__, '--one', name, side, str(time.monotonic())],
    capture_output=True,
    text=True,
    env={**environment, 'JAX_PLATFORMS': 'cpu', 'OMP_NUM_THREADS': threads},
  )
  if done.returncode:
    raise RuntimeError(f'{name}, {side}: {done.stderr[-2000:]}')
  return json.loads(done.stdout.splitlines()[-1])


def sides(name: str) -> list[str]:
  """Those of a row that can run here."""
  ours = [s for s in JOBS[name].sides if s.startswith('mmjax')]
  theirs = [s for s in JOBS[name].sides if s not in ours]
  needed = {'librosa': ('librosa',), 'torch': ('torch',)}
  return ours + [
    side
    for side in theirs
    if all(
      importlib.util.find_spec(module)
      for module in needed.get(side, ('torch', 'transformers'))
    )
  ]


def compare(name: str, turns: int) -> dict[str, dict[str, Any]]:
  """Medians of each side, and the ratio of mmjax to it."""
  found: dict[str, list[dict[str, Any]]] = {}
  for _ in range(turns):
    for side in sides(name):
      found.setdefault(side, []).append(measure(name, side))
  ours = [turn['seconds'] for turn in found['mmjax']]
  table = {}
  for side, rows in found.items():
    median = {
      key: statistics.median(row[key] for row in rows)
      for key in ('seconds', 'first', 'peak')
    }
    ratios = [a / row['seconds'] for a, row in zip(ours, rows, strict=True)]
    same = {key: rows[0][key] for key in ('flops', 'rate', 'unit')}
    table[side] = {**same, **median, 'ratio': statistics.median(ratios)}
  return table


def line(what: str, side: str, row: dict[str, Any], peak: float | None) -> str:
  """A row of the printed table."""
  share = ''
  if peak and row['flops']:
    share = f'{row["flops"] / row["seconds"] / peak:.2f}'
  rate = f'{row["rate"] / row["seconds"]:.1f} {row["unit"]}'
  if row['unit'] == 'runs':
    rate = ''
  ratio = '' if side == 'mmjax' else f'{row["ratio"]:.2f}'
  return (
    f'| {what} | {side} | {row["seconds"]:.3f} | {rate} | {ratio} | {share} | '
    f'{row["first"]:.1f} | {row["peak"]:.0f} |'
  )


def main() -> None:
  """Prints the table as it comes, and one JSON line."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('rows', nargs='*', metavar='ROW', default=[*JOBS])
  parser.add_argument('--turns', type=int, default=3)
  parser.add_argument('--one', nargs=3, help=argparse.SUPPRESS)
  args = parser.parse_args()
  if args.one:
    name, side, started = args.one
    print(json.dumps(one(name, side, float(started))))
    return
  unknown = [name for name in args.rows if name not in JOBS]
  if unknown:
    parser.error(f'no row {unknown[0]!r}: there are {", ".join(JOBS)}')
  missing = [m for m in ('torch', 'transformers') if not _is_there(m)]
  if missing:
    print(f'without {" and ".join(missing)}: mmjax alone\n', file=sys.stderr)
  print(
    '| | | seconds | a second | mmjax / it | share of peak | first, s | '
    'peak, MiB |'
  )
  print('|---' * 8 + '|')
  found, peak = {}, None
  for name in args.rows:
    found[name] = compare(name, args.turns)
    if name == 'matmul':
      peak = max(r['flops'] / r['seconds'] for r in found[name].values())
    for side, row in found[name].items():
      print(line(JOBS[name].what, side, row, peak), flush=True)
  machine = {'cores': os.cpu_count(), 'jax': jax.__version__, 'peak': peak}
  print(json.dumps({'machine': machine, 'rows': found}))


def _is_there(module: str) -> bool:
  return importlib.util.find_spec(module) is not None


if __name__ == '__main__':
  main()
