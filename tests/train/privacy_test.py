"""Gradients of single examples, what is done with them, and what it costs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from mmjax.data.datasets.digits import Digits
from mmjax.encoders.image import ViT
from mmjax.fusion import Only
from mmjax.layers import MeanPool
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.objectives import Classification, Contrastive
from mmjax.train.config import Config
from mmjax.train.optimizer import SGD, AdamW
from mmjax.train.privacy import Private, Spending, check, epsilon_of
from mmjax.train.state import make_init
from mmjax.train.step import make_train_step
from mmjax.types import InputError

PLAIN = SGD(peak_lr=1.0, warmup=0.0, momentum=0.0, clip_norm=None)
OBJECTIVES = {'label': Classification()}


@pytest.fixture(scope='module')
def model():
  return Fused(
    encoders={
      'image': ViT(
        patch_size=4, width=8, depth=1, heads=2, mean=(0.5,), std=(0.5,)
      )
    },
    fusion=Only(modality='image'),
    heads={'label': Head(classes=3, pool=MeanPool())},
  )


@pytest.fixture
def batch(rng):
  return {
    'image': jnp.asarray(rng.normal(size=(5, 8, 8, 1)), jnp.float32),
    'label': jnp.array([0, 1, 2, 0, 1]),
    'mask': {'image': jnp.ones(5, bool)},
    'weight': jnp.array([1.0, 1.0, 1.0, 1.0, 0.0]),
    'index': jnp.arange(5),
  }


def step_of(model, batch, optimizer, **kwargs):
  """Parameters before and after one step."""
  tx = optimizer.build(10)
  state = make_init(model, tx)(jax.random.key(0), batch)
  step = jax.jit(make_train_step(model, OBJECTIVES, tx, **kwargs))
  new, metrics = step(state, batch, jax.random.key(1))
  return state.params, new.params, metrics


def moved(model, batch, optimizer, **kwargs):
  old, new, _ = step_of(model, batch, optimizer, **kwargs)
  return jax.tree.map(lambda a, b: a - b, old, new)


def test_without_noise_it_is_the_mean_of_clipped_gradients(model, batch):
  clip = 0.5
  private = Private(optimizer=PLAIN, clip_norm=clip, noise_multiplier=1e-9)
  found = moved(model, batch, private, by_example=True)
  rate = float(PLAIN.schedule(10)(0))
  total = jax.tree.map(jnp.zeros_like, found)
  norms = []
  for row in range(4):  # the last one has no weight
    alone = jax.tree.map(lambda x, row=row: x[row : row + 1], batch)
    one = jax.tree.map(lambda x: x / rate, moved(model, alone, PLAIN))
    norm = float(optax.tree.norm(one))
    norms.append(norm)
    share = min(1.0, clip / norm) * rate / 5
    total = jax.tree.map(lambda a, b, s=share: a + s * b, total, one)
  assert max(norms) > clip
  for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(total), strict=True):
    np.testing.assert_allclose(a, b, atol=2e-6)


def test_the_loss_is_that_of_the_batch(model, batch):
  batch = {**batch, 'weight': jnp.ones(5)}
  private = Private(optimizer=PLAIN)
  found = step_of(model, batch, private, by_example=True)[2]
  plain = step_of(model, batch, PLAIN)[2]
  name = 'label/label/loss'
  assert found.keys() == plain.keys()
  for key in ('loss', name):
    assert found[key].value() == pytest.approx(plain[key].value(), rel=1e-5)


def test_noise_has_the_spread_that_was_asked_for(model, batch):
  quiet = Private(optimizer=PLAIN, clip_norm=2.0, noise_multiplier=1e-9)
  loud = dataclasses.replace(quiet, noise_multiplier=3.0)
  a, b = (
    np.concatenate([
      np.ravel(x) for x in jax.tree.leaves(
        moved(model, batch, one, by_example=True))
    ])
    for one in (quiet, loud)
  )  # fmt: skip
  rate = float(PLAIN.schedule(10)(0))
  noise = (b - a) / rate * 5 / (2.0 * 3.0)
  assert stats.kstest(noise, 'norm').pvalue > 1e-3


def test_epsilon_is_where_the_gaussian_mechanism_has_that_delta():
  # Theorem 8 written down anew, from densities that are summed up.
  for uses, noise, delta in ((1, 1.0, 1e-5), (9, 4.0, 1e-4), (40, 2.0, 1e-3)):
    epsilon = epsilon_of(uses, noise, delta=delta)
    mean, grid = np.sqrt(uses) / noise, np.linspace(-60, 60, 2_000_001)
    with_it, without = stats.norm.pdf(grid, mean), stats.norm.pdf(grid)
    excess = np.maximum(with_it - np.exp(epsilon) * without, 0)
    assert np.trapezoid(excess, grid) == pytest.approx(delta, rel=1e-3)


def test_epsilon_grows_with_use_and_falls_with_noise():
  assert epsilon_of(0, 1.0, delta=1e-5) == 0
  # A guarantee that may fail that often needs no noise to speak of.
  assert epsilon_of(1, 1e6, delta=0.5) == 0
  many = [epsilon_of(n, 2.0, delta=1e-5) for n in (1, 2, 4, 8)]
  assert many == sorted(many)
  assert epsilon_of(4, 4.0, delta=1e-5) < epsilon_of(4, 2.0, delta=1e-5)


@pytest.fixture
def config(model):
  return Config(
    data=Digits(),
    model=model,
    objectives=OBJECTIVES,
    evaluators={},
    optimizer=Private(),
    batch_size=512,
    steps=10,
  )


def test_a_begun_epoch_counts(config):
  examples = len(config.data.source('train'))
  spent = Spending(config)
  first = -(-examples // 512)
  assert spent(0) == {'epsilon': 0}
  once = epsilon_of(1, 4.0, delta=1e-4)
  assert spent(1)['epsilon'] == once
  assert spent(first - 1)['epsilon'] == once
  assert spent(first)['epsilon'] == epsilon_of(2, 4.0, delta=1e-4)
  plain = dataclasses.replace(config, optimizer=AdamW())
  assert Spending(plain)(10) == {}


@pytest.mark.parametrize(
  ('change', 'said'),
  [
    ({'strategy': 'pmap'}, 'strategy pmap'),
    ({'accumulate': 2}, 'accumulate 2'),
    ({'objectives': {'a': Contrastive(pairs=())}}, "objective ['a']"),
  ],
)
def test_what_would_break_the_promise_is_refused(config, change, said):
  check(config)
  with pytest.raises(InputError, match=said.replace('[', r'\[')):
    check(dataclasses.replace(config, **change))


@pytest.mark.parametrize(
  'wrong', [{'clip_norm': 0.0}, {'noise_multiplier': -1.0}, {'delta': 1.0}]
)
def test_numbers_out_of_range_are_named(wrong):
  [(name, value)] = wrong.items()
  with pytest.raises(ValueError, match=f'{name} {value}'):
    Private(**wrong)
