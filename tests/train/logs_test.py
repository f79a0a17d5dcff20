import json

import jax.numpy as jnp
import numpy as np

from mmjax.metrics import Ratio
from mmjax.train.logs import LateMetrics, Logs, Meter


def _lines(workdir):
  text = (workdir / 'metrics.jsonl').read_text()
  return [json.loads(line) for line in text.splitlines()]


def test_a_resumed_run_forgets_what_its_checkpoint_does_not_know(tmp_path):
  with Logs(tmp_path) as logs:
    for step in (10, 20, 30):
      logs.write(step, 'train', {'loss': step / 10})
  # A kill may leave half a line.
  with (tmp_path / 'metrics.jsonl').open('a') as file:
    file.write('{"step": 40, "spl')
  with Logs(tmp_path, step=20) as logs:
    logs.write(30, 'train', {'loss': np.nan})
  assert _lines(tmp_path) == [
    {'step': 10, 'split': 'train', 'loss': 1.0},
    {'step': 20, 'split': 'train', 'loss': 2.0},
    {'step': 30, 'split': 'train', 'loss': None},
  ]


def test_metrics_are_written_once_a_step_late_as_ratios(tmp_path):
  meter = Meter(steps=10, step=0, batch_size=4)
  with Logs(tmp_path) as logs:
    late = LateMetrics(logs, meter, rate=lambda step: jnp.asarray(step * 0.5))
    late.write(skipped=0)
    late.keep(3, {'loss': Ratio(jnp.asarray(6.0), jnp.asarray(4.0))})
    assert _lines(tmp_path) == []
    late.write(skipped=1)
    late.write(skipped=1)
  (line,) = _lines(tmp_path)
  assert line.pop('examples_per_second') > 0
  assert line == {
    'step': 3, 'split': 'train', 'loss': 1.5, 'learning_rate': 1.0, 'skipped': 1
  }  # fmt: skip
