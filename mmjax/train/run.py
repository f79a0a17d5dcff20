"""The training loop: data in, steps out, and what is looked at on the way."""

from pathlib import Path

import jax

from mmjax.data import pipeline
from mmjax.train import hardware, nonfinite, privacy
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import Config
from mmjax.train.evaluate import evaluate
from mmjax.train.interrupt import Interrupt
from mmjax.train.logs import Logs
from mmjax.train.mesh import prefetch, share_of_process
from mmjax.train.meter import LateMetrics, Meter
from mmjax.train.profile import Profile
from mmjax.train.program import Program
from mmjax.train.state import TrainState
from mmjax.train.times import Times
from mmjax.train.watchdog import Watchdog


class _LeaveError(Exception):
  """Ends a validation that a stopped run need not finish."""


class Run:
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
    self._spent = privacy.Spending(config)
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
    program = self._program
    index, count = share_of_process(program.mesh)
    batches = pipeline.train_batches(
      config.data,
      batch_size=config.batch_size // count,
      seed=config.seed,
      start_step=step,
      workers=config.workers,
      process_index=index,
      process_count=count,
      balance=config.balance,
    )
    state = program.spread(state)
    meter = Meter(steps=config.steps, step=step)
    rate = config.optimizer.schedule(config.steps)
    late = LateMetrics(self._logs, meter, self._times, rate=rate)
    profile = Profile(self._workdir, steps=config.profile, step=step)
    placed = prefetch(batches, program.place)
    stopped = False
    with batches, meter, self._interrupt as interrupt, profile:
      while step < config.steps and not stopped:
        with self._times.waiting():
          batch = next(placed)
        with profile.before(step + 1):
          state, metrics = program.step(state, batch)
        step += 1
        # What follows is about the step before, while this one runs.
        self._look(state, step)
        self._guard.keep(nonfinite.Step(step, metrics, batch['index']))
        profile.after(step, metrics)
        self._checkpoints.check()
        counts = {
          'skipped': len(batches.skipped),
          'nonfinite_steps': self._guard.count,
          **self._spent(step - 1),
        }
        late.write(**counts)
        if step == config.steps or step % config.log_every == 0:
          late.keep(step, metrics)
        stopped = interrupt.reached(step)
        last = step == config.steps or stopped
        if last or step % config.checkpoint.every == 0:
          self._look(state, step)
          late.write(**counts | {'nonfinite_steps': self._guard.count})
          self._save(
            program.whole(state), step, numbers={} if stopped else None
          )
      # A signal from here on ends the run at once.
      self._checkpoints.finish()
      if stopped and step < config.steps:
        interrupt.end(step)
    return program.whole(state)

  def _look(self, state: TrainState, step: int) -> None:
    """Waits for the step that the guard keeps; stops where it must."""
    if not self._guard.keeps:
      return
    found = self._guard.check()
    self._times.lap()
    self._watchdog.feed(step)
    if found is not None and self._config.on_nonfinite == 'stop':
      self._checkpoints.finish()
      whole = self._program.whole(state)
      raise nonfinite.stop(found, whole, step=step, workdir=self._workdir)

  def _save(self, state: TrainState, step: int, numbers) -> None:
    """Validates, unless numbers are given, and starts saving."""
    meta = {
      'step': step,
      'examples': step * self._config.batch_size,
      'nonfinite_steps': self._guard.count,
    }
    if numbers is None:
      try:
        numbers = self._validate(state)
      except Exception:
        # What is wrong with an evaluator does not cost what was trained.
        self._checkpoints.save(state, step=step, meta=meta, numbers={})
        self._checkpoints.finish()
        raise
      if numbers:
        self._logs.write(step, 'val', numbers)
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
