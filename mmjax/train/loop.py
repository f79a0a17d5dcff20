"""The training loop: data in, steps, logs, checkpoints, a report at the end."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import jax

from mmjax.data import pipeline
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import Config, differences, to_json
from mmjax.train.interrupt import Interrupt
from mmjax.train.logs import LateMetrics, Logs, Meter, say
from mmjax.train.mesh import prefetch, share_of_process
from mmjax.train.program import Program, evaluate, make_program
from mmjax.train.report import write_report
from mmjax.train.state import TrainState
from mmjax.train.warm_start import Plan, plan_warm_start
from mmjax.types import InputError

Results = dict[str, float | int]


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
    KeyboardInterrupt: after Ctrl-C, when a checkpoint has been saved.
  """
  program = make_program(config)
  _check_same_run(config, workdir)
  warm = plan_warm_start(config.warm_start, program.state.params, workdir)
  workdir.mkdir(parents=True, exist_ok=True)
  _write_config(config, workdir, source=source, argv=argv)
  with Checkpoints(workdir / 'checkpoints', config.checkpoint) as checkpoints:
    state, step = _start(program, checkpoints, warm)
    say(
      f'{program.parameters:,} parameters on {jax.device_count()} '
      f'{jax.default_backend()} device(s); step {step} of {config.steps}'
    )
    with Logs(workdir, step=step) as logs:
      state = _run(config, program, state, step, checkpoints, logs)
  return score(config, program, state, workdir)


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
  return score(config, program, state, workdir)


def score(
  config: Config, program: Program, state: TrainState, workdir: Path
) -> Results:
  """Evaluates a state on the test split, logs it and writes the report."""
  say('evaluating on the test split')
  found = evaluate(config, program, state, 'test')
  step = int(state.step)
  with Logs(workdir, step=step) as logs:
    logs.write(step, 'eval', found.numbers)
  results = {f'eval/{name}': value for name, value in found.numbers.items()}
  title = f'{workdir.name}: step {step}'
  write_report(workdir, title=title, results=results, figures=found.figures)
  say(f'report: {workdir / "report" / "index.html"}')
  return {'step': step, **results}


def _run(
  config: Config,
  program: Program,
  state: TrainState,
  step: int,
  checkpoints: Checkpoints,
  logs: Logs,
) -> TrainState:
  """Steps to the end of the run, validating and saving on the way."""
  if step >= config.steps:
    return state
  index, count = share_of_process(program.mesh)
  batches = pipeline.train_batches(
    config.data,
    batch_size=config.batch_size // count,
    seed=config.seed,
    start_step=step,
    workers=config.workers,
    process_index=index,
    process_count=count,
  )
  state = program.spread(state)
  meter = Meter(steps=config.steps, step=step, batch_size=config.batch_size)
  late = LateMetrics(logs, meter, rate=config.optimizer.schedule(config.steps))
  with batches, meter, Interrupt() as interrupt:
    for batch in prefetch(batches, program.place):
      state, metrics = program.step(state, batch)
      step += 1
      late.write(skipped=len(batches.skipped))
      done = step == config.steps or interrupt.asked
      if step == config.steps or step % config.log_every == 0:
        late.keep(step, metrics)
      if done or step % config.checkpoint.every == 0:
        late.write(skipped=len(batches.skipped))
        numbers = {}
        whole = program.whole(state)
        if not interrupt.asked:
          numbers = evaluate(config, program, whole, 'validation').numbers
          logs.write(step, 'val', numbers)
        position = {'step': step, 'examples': step * config.batch_size}
        checkpoints.save(whole, step=step, position=position, numbers=numbers)
        meter.pause()
      if done:
        break
  if interrupt.asked and step < config.steps:
    say(f'stopped at step {step}; the same command goes on from there')
    raise KeyboardInterrupt
  return program.whole(state)


def _start(
  program: Program, checkpoints: Checkpoints, warm: Plan | None
) -> tuple[TrainState, int]:
  latest = checkpoints.latest()
  if latest is None:
    state = program.init()
    return state if warm is None else warm.load(state), 0
  return checkpoints.restore(latest, program.state), latest


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
  (workdir / 'config.json').write_text(
    json.dumps(to_json(config), indent=2) + '\n'
  )
  # JSON cannot rebuild modules; the file and the options can.
  shutil.copyfile(source, workdir / 'config.py')
  (workdir / 'argv.json').write_text(json.dumps(list(argv)) + '\n')
