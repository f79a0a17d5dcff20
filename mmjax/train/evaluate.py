"""Running the evaluators of a config on a state."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mmjax.data import pipeline
from mmjax.metrics import Evaluation
from mmjax.train.config import Config
from mmjax.train.mesh import place, share_of_process
from mmjax.train.program import Program
from mmjax.train.state import TrainState
from mmjax.types import Batch, InputError


def evaluate(
  config: Config,
  program: Program,
  state: TrainState,
  split: str,
  *,
  each: Callable[[], None] = lambda: None,
  sweeps: bool = False,
) -> Evaluation:
  """Runs every evaluator of the config on a split.

  With a moving average of the parameters, it is evaluated too: its numbers'
  names start with `ema/`.

  Args:
    config: names data and evaluators.
    program: runs the model.
    state: the global state.
    split: 'validation' or 'test'.
    each: called before each batch.
    sweeps: whether to run the config's sweeps too, on the parameters.
  """
  evaluators = dict(config.evaluators)
  if sweeps:
    evaluators |= {f'{name} (sweep)': e for name, e in config.sweeps.items()}
  found = _evaluate(config, program, state, split, each, evaluators)
  if state.ema is None:
    return found
  state = state._replace(params=state.ema)
  averaged = _evaluate(config, program, state, split, each, config.evaluators)
  return Evaluation(
    {
      **found.numbers,
      **{f'ema/{name}': value for name, value in averaged.numbers.items()},
    },
    found.figures,
    found.tables,
  )


def _evaluate(
  config: Config,
  program: Program,
  state: TrainState,
  split: str,
  each: Callable[[], None],
  evaluators: Mapping[str, Any],
) -> Evaluation:
  index, count = share_of_process(program.mesh)

  def batches(view: str = 'default', split: str = split) -> Iterator[Batch]:
    for batch in pipeline.eval_batches(
      config.data,
      split,
      view=view,
      batch_size=config.batch_size // count,
      process_index=index,
      process_count=count,
    ):
      each()
      yield place(batch, program.mesh)

  predict = functools.partial(program.predict, state)
  numbers, figures, tables = {}, {}, {}
  for evaluator in evaluators.values():
    found = evaluator(predict, batches, config.data.classes)
    twice = numbers.keys() & found.numbers.keys()
    if twice:
      raise InputError(f'two evaluators report {min(twice)!r}')
    numbers.update(found.numbers)
    figures.update(found.figures)
    tables.update(found.tables)
  return Evaluation(numbers, figures, tables)
