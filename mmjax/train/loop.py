"""The training loop: data in, steps, logs, checkpoints, a report at the end."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import jax

from mmjax.data import pipeline
from mmjax.train import hardware, nonfinite, processes, sharding
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import Config, differences, to_json
from mmjax.train.errors import disk_errors
from mmjax.train.interrupt import Interrupt
from mmjax.train.logs import Logs, say
from mmjax.train.meter import LateMetrics, Meter
from mmjax.train.profile import Profile
from mmjax.train.program import Program, evaluate, make_program
from mmjax.train.report import write_report
from mmjax.train.state import TrainState
from mmjax.train.times import Times
from mmjax.train.watchdog import Watchdog
from mmjax.types import InputError

Results = dict[str, float | int]


class _LeaveError(Exception):
  """Ends a validation that a stopped run need not finish."""


def train(
  config: Config, workdir: Path, *, source: Path, argv: Sequence[str] = ()
) -> Results:
  """Trains to `config.steps`, from the newest checkpoint if there is one.

  Args:
    config: the experiment.
    workdir: folder of the run; made if it is not there.
    source: the file that the config came from, to be kept beside the results.
    argv: the command line, to be kept too.

  Returns:
    The final evaluation on the test split, names starting with `eval/`.

  Raises:
    InputError: config, data and workdir do not go together; nothing was
      written.
    RunError: the disk is full, or a step was not finite.
    Stopped: after Ctrl-C or SIGTERM, when a checkpoint has been saved.
  """
  program = make_program(config)
  _check_same_run(config, workdir)
  with disk_errors(workdir), Watchdog(config.watchdog_seconds) as watchdog:
    workdir.mkdir(parents=True, exist_ok=True)
    _write_config(config, workdir, source=source, argv=argv)
    with Checkpoints(workdir / 'checkpoints', config.checkpoint) as checkpoints:
      state, step, guard = _start(program, checkpoints)
      say(
        f'{program.parameters:,} parameters on {jax.device_count()} '
        f'{jax.default_backend()} device(s); step {step} of {config.steps}'
      )
      with Logs(workdir, step=step) as logs:
        run = _Run(config, program, workdir, checkpoints, logs, watchdog, guard)
        state = run.to_the_end(state, step)
    return score(config, program, state, workdir, watchdog)


def evaluate_last(config: Config, workdir: Path) -> Results:
  """Scores a run's newest checkpoint on the test split.

  Raises:
    InputError: the workdir has no checkpoint of this model.
  """
  folder = workdir / 'checkpoints'
  if not folder.is_dir():
    raise InputError(f'no checkpoints in {workdir}')
  _check_same_run(config, workdir)
  program = make_program(config)
  with Checkpoints(folder) as checkpoints:
    latest = checkpoints.latest()
    if latest is None:
      raise InputError(f'no complete checkpoint in {folder}')
    state = checkpoints.restore(latest, program.state)
  with disk_errors(workdir), Watchdog(config.watchdog_seconds) as watchdog:
    return score(config, program, state, workdir, watchdog)


def score(
  config: Config,
  program: Program,
  state: TrainState,
  workdir: Path,
  watchdog: Watchdog,
) -> Results:
  """Evaluates a state on the test split, logs it and writes the report."""
  say('evaluating on the test split')
  found = evaluate(config, program, state, 'test', each=watchdog.feed)
  step = int(state.step)
  results = {f'eval/{name}': value for name, value in found.numbers.items()}
  if processes.is_first():
    with Logs(workdir, step=step) as logs:
      logs.write(step, 'eval', found.numbers)
    title = f'{workdir.name}: step {step}'
    write_report(workdir, title=title, results=results, figures=found.figures)
    say(f'report: {workdir / "report" / "index.html"}')
  return {'step': step, **results}


class _Run:
  """Steps to the end of the run, validating and saving on the way."""

  def __init__(
    self,
    config: Config,
    program: Program,
    workdir: Path,
    checkpoints: Checkpoints,
    logs: Logs,
    watchdog: Watchdog,
    guard: nonfinite.Guard,
  ):
    self._config, self._program, self._workdir = config, program, workdir
    self._checkpoints, self._logs = checkpoints, logs
    self._watchdog, self._guard = watchdog, guard
    self._interrupt = Interrupt()
    peak = config.peak_flops or hardware.peak_flops(
      jax.devices()[0].device_kind
    )
    self._times = Times(
      batch_size=config.batch_size,
      flops=program.flops,
      peak=None if peak is None else peak * jax.device_count(),
    )

  def to_the_end(self, state: TrainState, step: int) -> TrainState:
    """Trains from `step` to the last one; raises where it must stop."""
    config = self._config
    if step >= config.steps:
      return state
    batches = pipeline.train_batches(
      config.data,
      batch_size=config.batch_size // jax.process_count(),
      seed=config.seed,
      start_step=step,
      workers=config.workers,
      process_index=jax.process_index(),
      process_count=jax.process_count(),
    )
    meter = Meter(steps=config.steps, step=step)
    rate = config.optimizer.schedule(config.steps)
    late = LateMetrics(self._logs, meter, self._times, rate=rate)
    profile = Profile(self._workdir, steps=config.profile, step=step)
    placed = sharding.prefetch(batches, self._program.mesh)
    stopped = False
    with batches, meter, self._interrupt as interrupt, profile:
      while step < config.steps and not stopped:
        with self._times.waiting():
          batch = next(placed)
        with profile.before(step + 1):
          state, metrics = self._program.step(state, batch)
        step += 1
        # What follows is about the step before, while this one runs.
        self._look(state, step)
        self._guard.keep(nonfinite.Step(step, metrics, batch['index']))
        profile.after(step, metrics)
        self._checkpoints.check()
        counts = {
          'skipped': len(batches.skipped),
          'nonfinite_steps': self._guard.count,
        }
        late.write(**counts)
        if step == config.steps or step % config.log_every == 0:
          late.keep(step, metrics)
        stopped = interrupt.reached(step)
        last = step == config.steps or stopped
        if last or step % config.checkpoint.every == 0:
          self._look(state, step)
          late.write(**counts | {'nonfinite_steps': self._guard.count})
          self._save(state, step, numbers={} if stopped else None)
      # A signal from here on ends the run at once.
      self._checkpoints.finish()
      if stopped and step < config.steps:
        interrupt.end(step)
    return state

  def _look(self, state: TrainState, step: int) -> None:
    """Waits for the step that the guard keeps; stops where it must."""
    if not self._guard.keeps:
      return
    found = self._guard.check()
    self._times.lap()
    self._watchdog.feed(step)
    if found is not None and self._config.on_nonfinite == 'stop':
      self._checkpoints.finish()
      raise nonfinite.stop(found, state, step=step, workdir=self._workdir)

  def _save(self, state: TrainState, step: int, numbers) -> None:
    """Validates, unless numbers are given, and starts saving."""
    if numbers is None:
      numbers = self._validate(state)
      if numbers:
        self._logs.write(step, 'val', numbers)
    meta = {
      'step': step,
      'examples': step * self._config.batch_size,
      'nonfinite_steps': self._guard.count,
    }
    self._checkpoints.save(state, step=step, meta=meta, numbers=numbers)
    self._watchdog.feed()
    self._times.pause()

  def _validate(self, state: TrainState):
    def each():
      self._watchdog.feed()
      if self._interrupt.at_once():
        raise _LeaveError

    try:
      return evaluate(
        self._config, self._program, state, 'validation', each=each
      ).numbers
    except _LeaveError:
      return {}


def _start(
  program: Program, checkpoints: Checkpoints
) -> tuple[TrainState, int, nonfinite.Guard]:
  latest = checkpoints.latest()
  if latest is None:
    return program.init(), 0, nonfinite.Guard()
  state = checkpoints.restore(latest, program.state)
  count = checkpoints.meta(latest)['nonfinite_steps']
  return state, latest, nonfinite.Guard(count)


def _check_same_run(config: Config, workdir: Path) -> None:
  """Refuses to go on with another model; says what else has changed."""
  path = workdir / 'config.json'
  if not path.exists():
    return
  old, new = json.loads(path.read_text()), to_json(config)
  other = differences(old.get('model'), new['model'], 'model')
  if other:
    raise InputError(f'{workdir} holds a run of another model: {other[0]}')
  for line in differences(old, new):
    say(f'changed since the last start: {line}')


def _write_config(
  config: Config, workdir: Path, *, source: Path, argv: Sequence[str]
) -> None:
  if not processes.is_first():
    return
  (workdir / 'config.json').write_text(
    json.dumps(to_json(config), indent=2) + '\n'
  )
  # JSON cannot rebuild modules; the file and the options can.
  shutil.copyfile(source, workdir / 'config.py')
  (workdir / 'argv.json').write_text(json.dumps(list(argv)) + '\n')
