"""What a run loses when it is killed: nothing.

Trains digits for a few steps, over and over. First on one device: each run is
killed (SIGKILL) at a random moment, every second one while it saves, and
started again; it must end with the same logs, results and arrays, bit for bit,
as a run that nothing disturbed.

Then runs are started again with another number of devices. What is restored
must be equal bit for bit, and the examples of each step the same. Sums over
devices are in another order, so losses must agree within 1e-6 (relative) and
parameters within 1e-5. The biases of attention's keys are told apart: softmax
does not see them, so their gradient is rounding noise around zero, of which
Adam makes steps of its usual size. They change nothing.

  python benchmarks/kill.py [--kills 30] [--changes 10] [--seed 0] [--jobs 2]
"""

import argparse
import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import load_config
from mmjax.train.program import make_program

ROOT = Path(__file__).parents[1]
CONFIG = Path(__file__).with_name('kill_config.py')
DEVICES = (1, 2, 4, 8)
# Of the log: not the same twice.
MEASURED = ('_seconds', '_p95', '_per_second', '_gib')
say = functools.partial(print, file=sys.stderr, flush=True)


class Ended(NamedTuple):
  """What a run that came to its end has left.

  Attributes:
    lines: its log.
    state: its last state, on the host.
    results: the last line it printed.
    seconds: from its first step to its end.
    resumed: the step it began at.
  """

  lines: list[dict[str, Any]]
  state: Any
  results: dict[str, Any]
  seconds: float
  resumed: int

  def column(self, name: str) -> np.ndarray:
    """A number of the training log, at every step."""
    found = {x['step']: x[name] for x in self.lines if x['split'] == 'train'}
    return np.asarray([found[step] for step in sorted(found)])


def start(workdir: Path, devices: int) -> subprocess.Popen:
  """Starts `train.py` on some fake devices."""
  flag = f'--xla_force_host_platform_device_count={devices}'
  command = [sys.executable, str(ROOT / 'train.py'), '--config', str(CONFIG)]
  return subprocess.Popen(
    [*command, '--workdir', str(workdir)],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    env=os.environ | {'XLA_FLAGS': flag, 'JAX_PLATFORMS': 'cpu'},
    cwd=ROOT,
  )


def finish(workdir: Path, devices: int) -> Ended:
  """Runs to the end."""
  process = start(workdir, devices)
  wait(process, lambda: logged(workdir))
  since = time.monotonic()
  out, err = process.communicate()
  seconds = time.monotonic() - since
  if process.returncode:
    raise RuntimeError(f'{workdir}: code {process.returncode}\n{err}')
  text = (workdir / 'metrics.jsonl').read_text()
  lines = [
    {name: n for name, n in line.items() if not name.endswith(MEASURED)}
    for line in map(json.loads, text.splitlines())
  ]
  results = json.loads(out.splitlines()[-1])
  resumed = int(err.split('; step ')[1].split(' of ')[0])
  state = restored(workdir, results['step'], 1)
  return Ended(lines, state, results, seconds, resumed)


def kill(
  workdir: Path, devices: int, *, aim: bool, whole: Ended, rng: random.Random
) -> bool:
  """Runs and kills; returns whether a save had begun and not ended.

  Args:
    workdir: of the run.
    devices: how many.
    aim: kill while a save runs, else at any moment after the first step.
    whole: a run that nothing disturbed.
    rng: chooses the moment.
  """
  folder = workdir / 'checkpoints'
  saved = [x['step'] for x in whole.lines if x['split'] == 'val']
  step = rng.choice(saved)
  process = start(workdir, devices)
  if aim:
    # From the first file of the save until a little after its last one.
    wait(process, lambda: any(folder.glob(f'{step}.*tmp*')))
    time.sleep(rng.uniform(0, 0.15))
  else:
    wait(process, lambda: logged(workdir))
    time.sleep(rng.uniform(0, whole.seconds))
  process.send_signal(signal.SIGKILL)
  process.communicate()
  return any(folder.glob('*tmp*'))


def wait(process: subprocess.Popen, until: Callable[[], bool]) -> None:
  """Polls until something is so, or the process has ended."""
  while process.poll() is None and not until():
    time.sleep(0.002)


def logged(workdir: Path) -> bool:
  """Whether a step has been logged."""
  path = workdir / 'metrics.jsonl'
  return path.exists() and path.stat().st_size > 0


def restored(workdir: Path, step: int, devices: int) -> Any:
  """A checkpoint read onto that many devices, as arrays on the host."""
  mesh = jax.sharding.Mesh(np.asarray(jax.devices()[:devices]), ('data',))
  whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
  like = jax.tree.map(
    lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=whole), shapes()
  )
  with Checkpoints(workdir / 'checkpoints') as checkpoints:
    return jax.tree.map(np.asarray, checkpoints.restore(step, like))


@functools.cache
def shapes() -> Any:
  """Shapes of the state."""
  return make_program(load_config(CONFIG)).state


def newest(workdir: Path) -> int | None:
  """The checkpoint that a start would use."""
  if not (workdir / 'checkpoints').is_dir():
    return None
  with Checkpoints(workdir / 'checkpoints') as checkpoints:
    return checkpoints.latest()


def same(a: Any, b: Any) -> bool:
  """Whether two trees are equal bit for bit."""
  return all(
    x.dtype == y.dtype and x.tobytes() == y.tobytes()
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
  )


def distances(a: Any, b: Any) -> dict[str, float]:
  """The largest difference in two trees of parameters."""
  found = {'params': 0.0, 'key_biases': 0.0}
  leaves = jax.tree_util.tree_leaves_with_path(a)
  for (path, x), y in zip(leaves, jax.tree.leaves(b), strict=True):
    is_bias = [key.key for key in path[-2:]] == ['key', 'bias']
    name = 'key_biases' if is_bias else 'params'
    found[name] = max(found[name], float(np.abs(x - y).max()))
  return found


def again(folder: Path, whole: Ended, seed: int, i: int) -> dict[str, Any]:
  """Kills a run and starts it again, on one device."""
  workdir = folder / f'kill-{i}'
  rng = random.Random(f'{seed} kill {i}')
  saving = kill(workdir, 1, aim=i % 2 == 0, whole=whole, rng=rng)
  ended = finish(workdir, 1)
  row = {
    'saving': saving,
    'resumed': ended.resumed,
    'logs': ended.lines == whole.lines,
    'results': ended.results == whole.results,
    'arrays': same(ended.state, whole.state),
  }
  row['good'] = row['logs'] and row['results'] and row['arrays']
  shutil.rmtree(workdir)
  say(f'kill {i + 1}: {row}')
  return row


def change(folder: Path, whole: Ended, seed: int, i: int) -> dict[str, Any]:
  """Kills a run and starts it again on another number of devices."""
  workdir = folder / f'change-{i}'
  rng = random.Random(f'{seed} change {i}')
  before, after = rng.sample(DEVICES, 2)
  saving = kill(workdir, before, aim=i % 2 == 0, whole=whole, rng=rng)
  step = newest(workdir)
  equal = step is None or same(
    restored(workdir, step, before), restored(workdir, step, after)
  )
  ended = finish(workdir, after)
  loss, want = ended.column('loss'), whole.column('loss')
  rows = ended.column('order/rows/loss'), whole.column('order/rows/loss')
  row = {
    'devices': f'{before} -> {after}',
    'saving': saving,
    'resumed': ended.resumed,
    'restored': equal and ended.resumed == (step or 0),
    'order': bool((rows[0] == rows[1]).all()),
    'loss': float(np.abs(loss / want - 1).max()),
    **distances(ended.state.params, whole.state.params),
  }
  near = row['loss'] <= 1e-6 and row['params'] <= 1e-5
  row['good'] = row['restored'] and row['order'] and near
  shutil.rmtree(workdir)
  say(f'change {i + 1}: {row}')
  return row


def report(found: Mapping[str, list[dict[str, Any]]], seconds: float) -> bool:
  """Prints what was found; returns whether all is as promised."""
  print('| started again on | kills | while saving | resumed | as promised |')
  print('|---|---|---|---|---|')
  for name, rows in found.items():
    if rows:
      steps = [row['resumed'] for row in rows]
      print(
        f'| {name} | {len(rows)} | {sum(row["saving"] for row in rows)} | '
        f'step {min(steps)} to {max(steps)} | '
        f'{sum(row["good"] for row in rows)} |'
      )
  exact, changed = found.values()
  numbers = {
    'kills': len(exact),
    'bit_exact': sum(row['good'] for row in exact),
    'while_saving': sum(row['saving'] for row in exact),
    'changes': len(changed),
    'as_promised': sum(row['good'] for row in changed),
    'restored_equal': sum(row['restored'] for row in changed),
    'order_equal': sum(row['order'] for row in changed),
  }
  for name in ('loss', 'params', 'key_biases'):
    most = max((row[name] for row in changed), default=None)
    numbers[f'{name}_difference'] = most
  print(json.dumps(numbers | {'seconds': round(seconds)}))
  return all(row['good'] for row in exact + changed)


def main(argv: Sequence[str] | None = None) -> int:
  """Prints the table and one JSON line; 1 if something was lost."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--kills', type=int, default=30)
  parser.add_argument('--changes', type=int, default=10)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--jobs', type=int, default=2, help='runs at a time')
  args = parser.parse_args(argv)
  jax.config.update('jax_platforms', 'cpu')
  jax.config.update('jax_num_cpu_devices', max(DEVICES))
  since = time.monotonic()
  with tempfile.TemporaryDirectory(prefix='kill-') as name:
    folder = Path(name)
    # One cache for all starts, so that they compile only once.
    os.environ.setdefault('JAX_COMPILATION_CACHE_DIR', str(folder / 'compiled'))
    os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0'
    shapes()
    finish(folder / 'compiles', 1)
    whole = finish(folder / 'whole', 1)
    say(f'undisturbed: {whole.seconds:.1f} s after the first step')
    with ThreadPoolExecutor(args.jobs) as pool:
      task = functools.partial(again, folder, whole, args.seed)
      exact = list(pool.map(task, range(args.kills)))
      task = functools.partial(change, folder, whole, args.seed)
      changed = list(pool.map(task, range(args.changes)))
  good = report(
    {'the same device': exact, 'another number of devices': changed},
    time.monotonic() - since,
  )
  return 0 if good else 1


if __name__ == '__main__':
  sys.exit(main())
