import json
import os
import struct

import jax.numpy as jnp
import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from mmjax.metrics import Ratio
from mmjax.train import processes
from mmjax.train.errors import RunError, disk_errors
from mmjax.train.logs import Logs, say
from mmjax.train.meter import LateMetrics, Meter
from mmjax.train.times import Times


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


def test_an_evaluation_that_is_made_again_is_one_line(tmp_path):
  # As where a run was killed between its last line and its report.
  for accuracy in (0.5, 0.75):
    with Logs(tmp_path, step=20) as logs:
      logs.write(20, 'train', {'loss': accuracy})
    with Logs(tmp_path, step=20, anew='eval') as logs:
      logs.write(20, 'eval', {'accuracy': accuracy})
  evaluations = [x for x in _lines(tmp_path) if x['split'] == 'eval']
  assert evaluations == [{'step': 20, 'split': 'eval', 'accuracy': 0.75}]


def test_metrics_are_written_once_a_step_late_as_ratios(tmp_path):
  clock = iter(range(100))
  times = Times(batch_size=4, clock=lambda: next(clock))
  meter = Meter(steps=10, step=0)
  with Logs(tmp_path) as logs:
    late = LateMetrics(logs, meter, times, rate=lambda s: jnp.asarray(s * 0.5))
    late.write(skipped=0)
    one = jnp.ones(())
    loss = Ratio(jnp.asarray(6.0), jnp.asarray(4.0))
    late.keep(3, {'loss': loss, 'finite': Ratio(one, one)})
    times.lap()
    times.lap()
    assert _lines(tmp_path) == []
    late.write(skipped=1, nonfinite_steps=2)
    late.write(skipped=1)
  (line,) = _lines(tmp_path)
  assert line.pop('host_memory_gib') > 0
  assert line == {
    'step': 3, 'split': 'train', 'loss': 1.5, 'learning_rate': 1.0,
    'skipped': 1, 'nonfinite_steps': 2, 'examples_per_second': 4.0,
    'step_seconds': 1.0, 'step_seconds_p95': 1.0, 'data_seconds': 0.0,
  }  # fmt: skip


def test_tensorboard_gets_the_same_numbers_and_forgets_the_same(tmp_path):
  with Logs(tmp_path) as logs:
    for step in (10, 20, 30):
      logs.write(step, 'train', {'loss': step / 10})
  with Logs(tmp_path, step=20) as logs:
    logs.write(30, 'train', {'loss': 7.0})
  first, second = sorted((tmp_path / 'tensorboard').iterdir())
  assert [
    (e.step, e.summary.value[0].tag, round(e.summary.value[0].simple_value, 5))
    for e in _events(first)[1:]
  ] == [(10, 'train/loss', 1), (20, 'train/loss', 2), (30, 'train/loss', 3)]
  version, start, last = _events(second)
  assert version.file_version == 'brain.Event:2'
  # TensorBoard drops older events from the step of a START on.
  assert (start.step, start.session_log.status) == (21, SessionLog.START)
  assert (last.step, last.summary.value[0].simple_value) == (30, 7.0)


def _events(path):
  data, events = path.read_bytes(), []
  while data:
    (size,) = struct.unpack('<Q', data[:8])
    # Eight bytes of size, four of its checksum; four after the event.
    events.append(Event.FromString(data[12 : 12 + size]))
    data = data[16 + size :]
  return events


def test_other_processes_write_nothing(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(processes, 'is_first', lambda: False)
  with Logs(tmp_path, step=3) as logs:
    logs.write(4, 'train', {'loss': 1.0})
  say('hello')
  assert list(tmp_path.iterdir()) == []
  assert capsys.readouterr().err == ''


def test_a_full_disk_ends_a_run_with_one_line(tmp_path):
  match = r'cannot write to .*: No space left on device \(.* bytes free\)'
  with (
    pytest.raises(RunError, match=match),
    disk_errors(tmp_path),
    Logs(tmp_path) as logs,
    open('/dev/full', 'a') as full,
  ):
    os.dup2(full.fileno(), logs._file.fileno())
    logs.write(1, 'train', {'loss': 1.0})
