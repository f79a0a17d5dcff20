"""Each optimiser against its paper, written down again in NumPy."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mmjax.train import (
  SGD,
  Adafactor,
  Adam,
  AdamW,
  Constant,
  Groups,
  Lion,
  Muon,
)
from mmjax.train.config import Config, WarmStart, load_config

CONFIG = Path(__file__).with_name('tiny.py')
LR, WD, STEPS = 0.01, 0.3, 4
# No warm-up, no clipping: what is left is the optimiser.
PLAIN = {
  'peak_lr': LR,
  'warmup': 0.0,
  'decay': Constant(),
  'clip_norm': None,
}


def _walk(optimizer, params, gradients):
  tx = optimizer.build(len(gradients))
  state = tx.init(params)
  for gradient in gradients:
    updates, state = tx.update(gradient, state, params)
    params = optax.apply_updates(params, updates)
  return params, state


@pytest.fixture
def problem(rng):
  """A kernel and a bias, and a few gradients of both."""
  shapes = {'kernel': (3, 5), 'bias': (5,)}

  def draw():
    return {
      name: jnp.asarray(rng.normal(size=shape), jnp.float32)
      for name, shape in shapes.items()
    }

  return draw(), [draw() for _ in range(STEPS)]


def _adam(g, memory, t, b1=0.9, b2=0.99):
  m, v = memory or (0, 0)
  m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
  scaled = (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + 1e-8)
  return scaled, (m, v)


def _lion(g, memory, t):
  del t
  m = 0 if memory is None else memory
  return np.sign(0.9 * m + 0.1 * g), 0.99 * m + 0.01 * g


def _momentum(g, memory, t):
  del t
  m = 0.9 * (0 if memory is None else memory) + g
  return m, m


def _nesterov(g, memory, t):
  del t
  m = 0.9 * (0 if memory is None else memory) + g
  return g + 0.9 * m, m


def _adafactor(g, memory, t):
  rate = 1 - float(t) ** -0.8
  v = rate * (0 if memory is None else memory) + (1 - rate) * (g**2 + 1e-30)
  u = g / np.sqrt(v)
  return u / max(1.0, np.sqrt((u**2).mean())), v


@pytest.mark.parametrize(
  ('optimizer', 'rule', 'decay'),
  [
    (Adam(**PLAIN), _adam, 0.0),
    (AdamW(weight_decay=WD, **PLAIN), _adam, WD),
    (Lion(weight_decay=WD, **PLAIN), _lion, WD),
    (SGD(weight_decay=WD, **PLAIN), _momentum, WD),
    (SGD(nesterov=True, **PLAIN), _nesterov, 0.0),
    (
      Adafactor(weight_decay=WD, multiply_by_parameter_scale=False, **PLAIN),
      _adafactor,
      WD,
    ),
  ],
  ids=['adam', 'adamw', 'lion', 'momentum', 'nesterov', 'adafactor'],
)
def test_steps_are_those_of_the_paper(problem, optimizer, rule, decay):
  params, gradients = problem
  got, _ = _walk(optimizer, params, gradients)
  for name, leaf in params.items():
    want, memory = np.asarray(leaf, np.float64), None
    for t, gradient in enumerate(gradients, 1):
      direction, memory = rule(np.asarray(gradient[name], float), memory, t)
      # Biases do not decay.
      rate = decay if name == 'kernel' else 0.0
      want = want - LR * (direction + rate * want)
    np.testing.assert_allclose(got[name], want, rtol=2e-5, atol=2e-6)


def test_adamw_of_the_configs_steps_as_ever(problem):
  params, gradients = problem
  optimizer = AdamW(peak_lr=2e-3, weight_decay=0.05)
  want = optax.chain(
    optax.clip_by_global_norm(1.0),
    optax.adamw(
      optimizer.schedule(STEPS),
      b1=0.9,
      b2=0.99,
      weight_decay=0.05,
      mask={'kernel': True, 'bias': False},
    ),
  )
  state, expected = want.init(params), params
  for gradient in gradients:
    updates, state = want.update(gradient, state, expected)
    expected = optax.apply_updates(expected, updates)
  got, got_state = _walk(optimizer, params, gradients)
  jax.tree.map(np.testing.assert_array_equal, got, expected)
  # The same tree too: older checkpoints can be restored.
  jax.tree.map(np.testing.assert_array_equal, got_state, state)


def test_clipping_comes_first(problem):
  params, gradients = problem
  more = {**PLAIN, 'clip_norm': 0.5}
  got, _ = _walk(SGD(momentum=0.0, **more), params, gradients[:1])
  norm = np.sqrt(sum((np.asarray(g) ** 2).sum() for g in gradients[0].values()))
  jax.tree.map(
    lambda new, old, g: np.testing.assert_allclose(
      new, old - LR * 0.5 / norm * g, rtol=1e-5, atol=1e-6
    ),
    got,
    params,
    gradients[0],
  )


@pytest.mark.parametrize('kind', [Adam, AdamW, Lion, SGD, Adafactor, Muon])
def test_half_precision_moments_are_half_as_large(problem, kind):
  params, gradients = problem
  more = {'momentum': 0.9} if kind is Adafactor else {}

  def first_moments(dtype):
    optimizer = kind(moment_dtype=dtype, **more, **PLAIN)
    got, state = _walk(optimizer, params, gradients)
    found = [
      leaf.dtype
      for path, leaf in jax.tree_util.tree_leaves_with_path(state)
      if any(getattr(k, 'name', '') in ('mu', 'trace', 'ema') for k in path)
    ]
    return got, found

  whole, dtypes = first_moments('float32')
  half, half_dtypes = first_moments('bfloat16')
  assert len(dtypes) == 2
  assert set(dtypes) == {jnp.dtype('float32')}
  assert set(half_dtypes) == {jnp.dtype('bfloat16')}
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=0.3 * LR * STEPS),
    half,
    whole,
  )


def test_a_config_wants_an_optimizer():
  with pytest.raises(ValueError, match=r"optimizer 'adam' has no build"):
    Config(
      model=None, data=None, objectives={}, evaluators={}, optimizer='adam'
    )
  with pytest.raises(ValueError, match=r'clip_norm 0.0 is not positive'):
    AdamW(clip_norm=0.0)
  with pytest.raises(ValueError, match=r'peak_lr -1.0 is not positive'):
    AdamW(peak_lr=-1.0)


def test_options_reach_the_optimizer():
  config = load_config(
    CONFIG,
    [
      *('--optimizer.peak-lr', '3e-4', '--optimizer.clip-norm', 'None'),
      *('--optimizer.moment-dtype', 'bfloat16'),
      *('--optimizer.groups.frozen', '^encoders_image/', '^fusion/'),
      *('--optimizer.groups.rates', '^encoders_text/', '0.1'),
      *('--warm-start.workdir', 'runs/one', '--warm-start.skip', '^heads_'),
    ],
  )
  assert config.optimizer == AdamW(
    peak_lr=3e-4,
    clip_norm=None,
    moment_dtype='bfloat16',
    groups=Groups(
      frozen=('^encoders_image/', '^fusion/'), rates={'^encoders_text/': 0.1}
    ),
  )
  assert config.warm_start == WarmStart(
    workdir=Path('runs/one'), skip=('^heads_',)
  )
