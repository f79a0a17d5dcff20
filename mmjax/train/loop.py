"""A run from its config to its report: started, gone on with, or scored."""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent import futures
from pathlib import Path

import jax

from mmjax.train import nonfinite, privacy, processes
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import Config
from mmjax.train.errors import disk_errors
from mmjax.train.evaluate import evaluate
from mmjax.train.logs import Logs, say
from mmjax.train.plain import differences, to_json
from mmjax.train.program import Program, make_program
from mmjax.train.report import draw_figures, write_report
from mmjax.train.run import Run
from mmjax.train.start import Plan, plan_start
from mmjax.train.state import TrainState
from mmjax.train.warm_start import plan_warm_start
from mmjax.train.watchdog import Watchdog
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
    RunError: the disk is full, or a step was not finite.
    Stopped: after Ctrl-C or SIGTERM, when a checkpoint has been saved.
  """
  program = make_program(config)
  _check_same_run(config, workdir)
  warm = plan_start(config.start, program.state, workdir)
  if warm is None:
    warm = plan_warm_start(config.warm_start, program.state.params, workdir)
  with disk_errors(workdir), Watchdog(config.watchdog_seconds) as watchdog:
    workdir.mkdir(parents=True, exist_ok=True)
    _write_config(config, workdir, source=source, argv=argv)
    with Checkpoints(workdir / 'checkpoints', config.checkpoint) as checkpoints:
      with _compiled(program, config, checkpoints):
        state, step, guard = _start(program, checkpoints, warm)
      say(
        f'{program.parameters:,} parameters on {jax.device_count()} '
        f'{jax.default_backend()} device(s); step {step} of {config.steps}'
      )
      with Logs(workdir, step=step) as logs:
        run = Run(config, program, workdir, checkpoints, logs, watchdog, guard)
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
    return score(config, program, state, workdir, watchdog, sweeps=True)


def score(
  config: Config,
  program: Program,
  state: TrainState,
  workdir: Path,
  watchdog: Watchdog,
  *,
  sweeps: bool = False,
) -> Results:
  """Evaluates a state on the test split, logs it and writes the report."""
  say('evaluating on the test split')
  found = evaluate(
    config, program, state, 'test', each=watchdog.feed, sweeps=sweeps
  )
  step = int(state.step)
  numbers = {**found.numbers, **privacy.Spending(config)(step)}
  results = {f'eval/{name}': value for name, value in numbers.items()}
  if processes.is_first():
    # Killed after this line was written, a run comes here again.
    with Logs(workdir, step=step, anew='eval') as logs:
      logs.write(step, 'eval', numbers)
    title = f'{workdir.name}: step {step}'
    write_report(
      workdir,
      title=title,
      results=results,
      figures=found.figures,
      tables=found.tables,
    )
    say(f'report: {workdir / "report" / "index.html"}')
  else:
    # A figure may ask all processes for the rows that they hold.
    with tempfile.TemporaryDirectory() as folder:
      draw_figures(Path(folder), found.figures)
  return {'step': step, **results}


@contextlib.contextmanager
def _compiled(
  program: Program, config: Config, checkpoints: Checkpoints
) -> Iterator[None]:
  """Compiles the step while the first state is made; at the end it is done.

  Both take seconds, which JAX spends outside of Python. It keeps the program,
  and a step finds it there.
  """
  # Several processes start everything in the same order, which threads do not.
  ended = (checkpoints.latest() or 0) >= config.steps
  if ended or jax.process_count() > 1:
    yield
    return
  lowered = program.lower()
  with futures.ThreadPoolExecutor(1) as pool:
    step = pool.submit(lowered.compile)
    yield
    step.result()


def _start(
  program: Program, checkpoints: Checkpoints, warm: Plan | None
) -> tuple[TrainState, int, nonfinite.Guard]:
  latest = checkpoints.latest()
  if latest is None:
    state = program.init()
    if warm is not None:
      state = warm.load(state)
    return state, 0, nonfinite.Guard()
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
