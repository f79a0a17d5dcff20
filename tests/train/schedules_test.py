import numpy as np
import optax
import pytest

from mmjax.train.optimizer import AdamW
from mmjax.train.schedules import Constant, Cosine, Linear, Rsqrt, with_warmup
from mmjax.types import InputError

PEAK, END, STEPS, WARM = 0.1, 0.01, 200, 40


def _rates(decay, *, end=END, warmup=0.2, steps=STEPS):
  rate = with_warmup(decay, steps, warmup=warmup, peak=PEAK, end=end)
  return np.asarray([rate(step) for step in range(steps + 1)])


def _numpy(shape, end=END):
  """The warm-up and a shape of the share that has passed after it."""
  steps = np.arange(STEPS + 1)
  after = np.maximum(steps - WARM, 0)
  rest = shape(after, after / (STEPS - WARM))
  return np.where(steps < WARM, PEAK * steps / WARM, rest)


def _cosine(_, share):
  return END + (PEAK - END) * (1 + np.cos(np.pi * share)) / 2


def _linear(_, share):
  return PEAK + (END - PEAK) * share


def _rsqrt(after, share):
  fall = PEAK / np.sqrt(1 + after / 50)
  start = PEAK / np.sqrt(1 + 0.75 * 160 / 50)
  return np.where(
    share < 0.75, fall, start + (END - start) * (share - 0.75) * 4
  )


def _stable(_, share):
  return np.where(share < 0.5, PEAK, PEAK + (END - PEAK) * (share - 0.5) * 2)


@pytest.mark.parametrize(
  ('decay', 'shape'),
  [
    (Cosine(), _cosine),
    (Linear(), _linear),
    (Rsqrt(timescale=50, cooldown=0.25), _rsqrt),
    (Constant(cooldown=0.5), _stable),
  ],
  ids=lambda x: type(x).__name__,
)
def test_rates_are_those_of_an_independent_formula(decay, shape):
  got = _rates(decay)
  np.testing.assert_allclose(got, _numpy(shape), rtol=1e-5, atol=1e-8)
  np.testing.assert_allclose(got[[0, WARM, -1]], [0, PEAK, END], atol=1e-7)


def test_without_a_cooldown_the_rate_does_not_know_the_end():
  short = with_warmup(Rsqrt(timescale=50), 100, warmup=0.2, peak=PEAK, end=0.0)
  long = with_warmup(Rsqrt(timescale=50), 200, warmup=0.1, peak=PEAK, end=0.0)
  for step in (0, 10, 20, 70, 99):
    assert short(step) == long(step)
  np.testing.assert_allclose(short(70), PEAK / np.sqrt(2), rtol=1e-6)
  assert set(_rates(Constant(), end=0.0)[WARM:]) == {np.float32(PEAK)}
  with pytest.raises(InputError, match=r'end_lr 0.01 is reached only with a'):
    _rates(Constant())


def test_adamw_of_the_configs_is_warm_up_and_cosine_as_ever():
  for steps in (1, 2, 1000):
    rate = AdamW(peak_lr=2e-3, end_lr=1e-5).schedule(steps)
    want = optax.warmup_cosine_decay_schedule(
      init_value=0.0,
      peak_value=2e-3,
      warmup_steps=max(1, round(0.05 * steps)),
      decay_steps=max(2, steps),
      end_value=1e-5,
    )
    for step in {0, 1, 2, 30, 50, 51, 777, steps}:
      assert rate(step) == want(step)


def test_without_warm_up_the_first_step_is_at_the_peak():
  rates = _rates(Linear(), warmup=0.0)
  np.testing.assert_allclose(rates, np.linspace(PEAK, END, 201), rtol=1e-5)


def test_shares_are_shares():
  with pytest.raises(ValueError, match=r'cooldown 1.5 is not a share'):
    Constant(cooldown=1.5)
  with pytest.raises(ValueError, match=r'timescale 0 is below 1'):
    Rsqrt(timescale=0)
  with pytest.raises(ValueError, match=r'warmup 1.0 is not a share'):
    AdamW(warmup=1.0)
