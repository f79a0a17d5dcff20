import jax
import pytest

from mmjax.train import hardware
from mmjax.train.times import Times


class Clock:
  now = 100.0

  def __call__(self):
    return self.now


def test_numbers_are_those_of_the_steps_since_the_last_time():
  clock = Clock()
  times = Times(batch_size=32, flops=6 * 10**9, peak=2e11, clock=clock)

  def step(seconds, data=0.0):
    with times.waiting():
      clock.now += data
    clock.now += seconds
    times.lap()

  step(30.0, data=5.0)  # The first compiles.
  assert times.take() == {}
  for seconds in (0.1, 0.1, 0.1, 0.5):
    step(seconds, data=0.05)
  clock.now += 60.0  # Validation.
  times.pause()
  step(0.1, data=0.05)
  numbers = times.take()
  assert numbers['step_seconds'] == pytest.approx(0.15)
  assert numbers['step_seconds_p95'] == pytest.approx(0.47)
  assert numbers['data_seconds'] == pytest.approx(0.05)
  assert numbers['examples_per_second'] == pytest.approx(5 * 32 / 1.15)
  assert numbers['mfu'] == pytest.approx(6e9 / 0.15 / 2e11)
  assert times.take() == {}


def test_without_a_known_peak_there_is_no_mfu():
  clock = Clock()
  times = Times(batch_size=1, flops=1, clock=clock)
  times.lap()
  clock.now += 1.0
  times.lap()
  assert 'mfu' not in times.take()


def test_known_devices_are_found_by_what_jax_calls_them():
  kinds = {
    'TPU v4': 275e12,
    'TPU v5 lite': 197e12,
    'TPU v5p': 459e12,
    'TPU v5': 459e12,
    'TPU v6 lite': 918e12,
    'NVIDIA A100-SXM4-80GB': 312e12,
    'NVIDIA H100 80GB HBM3': 989e12,
    'NVIDIA H100 PCIe': 756e12,
    'cpu': None,
  }
  assert {kind: hardware.peak_flops(kind) for kind in kinds} == kinds


def test_memory_is_the_fullest_devices_or_the_process_own(monkeypatch):
  (name, size), *_ = hardware.memory().items()
  assert name == 'host_memory_gib'
  assert 0.1 < size < 64

  class Device:
    def __init__(self, used):
      self._used = used

    def memory_stats(self):
      return {'peak_bytes_in_use': self._used}

  devices = [Device(2**30), Device(3 * 2**30)]
  monkeypatch.setattr(jax, 'local_devices', lambda: devices)
  assert hardware.memory() == {'device_memory_gib': 3.0}
