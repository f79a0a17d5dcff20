"""Mixup and CutMix: what they make of two examples, in every modality."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.data import train_batches
from mmjax.data.blending import blend
from mmjax.data.mixing import Mix
from mmjax.train.program import make_program
from mmjax.types import InputError
from tests.train import tiny

ROWS, CLASSES = 64, 4
NAMES = {'label': ('a', 'b', 'c', 'd')}


def make(rng, rows=ROWS):
  """Every modality; whatever an example has is its own number, `id`."""
  own = np.arange(1, rows + 1)
  texts, clips = rng.integers(2, 9, rows), rng.integers(3, 12, rows)
  real = {
    'text': np.arange(10) < texts[:, None],
    'audio': np.arange(12) < clips[:, None],
    'video': np.arange(3) < rng.integers(1, 4, (rows, 1)),
    'image': np.ones(rows, bool),
    'tabular': {'numeric': np.ones((rows, 3), bool)},
  }
  return {
    'image': np.broadcast_to(own[:, None, None, None], (rows, 8, 8, 3)).astype(
      np.uint8
    ),
    'video': np.tile(own[:, None, None, None, None], (1, 3, 8, 8, 1)).astype(
      np.uint8
    ),
    'text': np.where(real['text'], own[:, None], 0),
    'audio': np.where(real['audio'], own[:, None], 0).astype(np.float32),
    'tabular': {'numeric': np.tile(own[:, None], (1, 3)).astype(np.float32)},
    'mask': real,
    'label': own % CLASSES,
    'value': own.astype(np.float32),
    'weight': np.ones(rows, np.float32),
    'index': np.arange(rows),
  }


@functools.cache
def mixer(kind):
  mix = functools.partial(Mix(kind=kind), classes=NAMES)

  def run(batch, seed):
    key = jax.random.key(seed)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, batch['index'])
    return mix(batch, keys)

  return jax.jit(run)


def shares_of(new, batch):
  """Each row's share and partner, from the number it was given as target."""
  own = batch['value']
  # `value` is linear in the share, whichever the partner is.
  for row in range(len(own)):
    group = slice(row // 8 * 8, row // 8 * 8 + 8)
    for other in np.arange(len(own))[group]:
      share = new['label'][row] @ np.eye(CLASSES)[batch['label'][row]]
      if other != row and own[other] % CLASSES != own[row] % CLASSES:
        made = share * own[row] + (1 - share) * own[other]
        if abs(made - new['value'][row]) < 1e-3 and share < 1:
          yield row, other, float(share)
          break


@pytest.mark.slow
def test_mixup_adds_by_one_share_in_all_modalities(rng):
  batch = make(rng)
  new = jax.device_get(mixer('mixup')(batch, 0))
  found = list(shares_of(new, batch))
  assert len(found) > ROWS / 2
  for row, other, _ in found:
    # The target is what was really taken; pixels are added by the drawn share.
    a, b = row + 1, other + 1
    share = (new['image'][row, 0, 0, 0] * 255 - b) / (a - b)
    assert -1e-4 < share < 1
    made = share * a + (1 - share) * b
    np.testing.assert_allclose(new['image'][row] * 255, made, rtol=1e-4)
    both = batch['mask']['audio'][row] & batch['mask']['audio'][other]
    np.testing.assert_allclose(new['audio'][row][both], made, rtol=1e-4)
    text = new['text'][row][new['mask']['text'][row]]
    n = batch['mask']['text'].sum(axis=1)
    assert (text == a).sum() == np.round(share * n[row] + 1e-6)
    # First own tokens, then the partner's.
    assert sorted(text == a, reverse=True) == (text == a).tolist()


@pytest.mark.slow
def test_shares_are_uniform_and_partners_are_neighbours(rng):
  batch = make(rng)
  drawn = []
  for seed in range(4):
    new = jax.device_get(mixer('cutmix')(batch, seed))
    found = list(shares_of(new, batch))
    assert all(row // 8 == other // 8 for row, other, _ in found)
    # What is cut out of pictures is a rectangle of the partner's.
    for row, other, _ in found:
      pixels = np.round(new['image'][row, ..., 0] * 255)
      assert set(np.unique(pixels)) <= {row + 1, other + 1}
      rows, columns = np.nonzero(pixels == other + 1)
      if rows.size:
        h, w = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert rows.size == h * w
        assert abs(h - w) <= 1
    drawn += [share for *_, share in found]
  assert abs(np.mean(drawn) - 0.5) < 0.06
  assert abs(np.std(drawn) - 12**-0.5) < 0.05


@pytest.mark.slow
def test_the_target_is_the_mean_share_of_what_was_taken(rng):
  batch = make(rng)
  new = jax.device_get(mixer('cutmix')(batch, 1))
  for row, _, share in shares_of(new, batch):
    a = row + 1
    n = batch['mask']
    first = (new['text'][row][new['mask']['text'][row]] == a).sum()
    last = new['mask']['text'][row].sum() - first
    took = [np.mean(np.isclose(new['image'][row] * 255, a))]
    frames = n['video'][row]
    took.append(np.mean(np.isclose(new['video'][row][frames] * 255, a)))
    took.append(np.mean(new['tabular']['numeric'][row] == a))
    for name, (x, y) in {
      'text': (first, last),
      'audio': (
        (new['audio'][row] == a).sum(),
        new['mask']['audio'][row].sum() - (new['audio'][row] == a).sum(),
      ),
    }.items():
      x = x / n[name][row].sum()
      other = round((new['value'][row] - share * a) / (1 - share)) - 1
      y = y / n[name][other].sum()
      took.append(x / (x + y))
    np.testing.assert_allclose(share, np.mean(took), atol=1e-4)


@pytest.mark.parametrize('fill', [0.0, 1e4, np.nan])
def test_what_is_missing_stays_missing_and_is_never_read(rng, fill):
  batch = make(rng)
  gone = np.arange(ROWS) % 3 == 0
  batch['mask']['audio'] &= ~gone[:, None]
  batch['mask']['image'] = ~(np.arange(ROWS) % 5 == 0)
  batch['label'] = np.where(np.arange(ROWS) % 7 == 0, -1, batch['label'])
  batch['value'][::4] = np.nan  # unknown
  batch['weight'][8:12] = 0
  clean = mixer('both')(batch, 2)
  batch['audio'] = np.where(batch['mask']['audio'], batch['audio'], fill)
  batch['audio'] = batch['audio'].astype(np.float32)
  new = mixer('both')(batch, 2)
  jax.tree.map(np.testing.assert_array_equal, new, clean)
  new = jax.device_get(new)
  for name in ('audio', 'image'):
    here = batch['mask'][name].reshape(ROWS, -1).any(axis=1)
    there = new['mask'][name].reshape(ROWS, -1).any(axis=1)
    assert (here == there).all()
  label = new['label']
  unknown = batch['label'] < 0
  assert (label[unknown] == -1).all()
  np.testing.assert_allclose(label[~unknown].sum(axis=1), 1, atol=1e-6)
  assert (np.isnan(new['value']) == np.isnan(batch['value'])).all()
  # Whose partner lacks something is untouched: rows with everything can only
  # mix with their like.
  mixed = (label.max(axis=1) < 1 - 1e-6) & ~unknown
  assert mixed.any()
  assert not mixed[8:12].any()
  alone = ~mixed & ~unknown
  hot = np.eye(CLASSES)[batch['label']]
  whole = alone & np.isclose((label * hot).sum(axis=1), 1)
  same = whole & (new['value'] == batch['value'])
  n = batch['mask']['audio']
  ok = same & batch['mask']['image']
  changed = [(new['audio'][i][n[i]] != i + 1).any() for i in range(ROWS)]
  # Of two that have the same class and no value nothing can be told.
  assert not (np.array(changed) & ok).any()


def test_a_mixture_is_the_same_wherever_its_group_is(rng):
  batch = make(rng)
  # The rows of another device first.
  order = np.roll(np.arange(ROWS), 24)
  moved = mixer('both')(jax.tree.map(lambda x: x[order], batch), 3)
  jax.tree.map(
    lambda x, y: np.testing.assert_array_equal(x[order], y),
    jax.device_get(mixer('both')(batch, 3)),
    moved,
  )


@pytest.mark.slow
def test_share_one_is_the_example_and_share_nought_the_partner(rng):
  batch = make(rng, 8)
  keys = jax.random.split(jax.random.key(0), 8)
  back = np.arange(8)[::-1]
  for name in ('image', 'text', 'tabular'):
    own = batch[name], batch['mask'][name]
    other = jax.tree.map(lambda x: x[back], own)
    run = jax.jit(blend)
    cut = jnp.ones(8, bool)
    for share, want in (1.0, own), (0.0, other):
      new, mask, real = run(own, other, jnp.full(8, share), cut=cut, draws=keys)
      scale = 255 if name == 'image' else 1
      jax.tree.map(
        lambda x, y, s=scale: np.testing.assert_allclose(x * s, y, rtol=1e-6),
        (new, mask),
        (want[0], jax.tree.map(lambda m, s=scale: m * s, want[1])),
      )
      np.testing.assert_array_equal(real, share)


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'alpha': 0.0}, 'mix.alpha 0.0 is not positive'),
    ({'rate': 1.5}, 'mix.rate 1.5 is not a probability'),
    ({'group': 1}, 'mix.group 1 is not at least 2'),
  ],
)
def test_impossible_fields_are_named(fields, message):
  with pytest.raises(InputError, match=message):
    Mix(**fields)


def test_what_cannot_be_mixed_is_named(rng):
  batch = make(rng, 12)
  keys = jax.random.split(jax.random.key(0), 12)

  def shapes(mix, batch):
    return jax.eval_shape(functools.partial(mix, classes=NAMES), batch, keys)

  with pytest.raises(ValueError, match='12 examples .* multiple of .*group 8'):
    shapes(Mix(), batch)
  with pytest.raises(ValueError, match=r"mix cannot mix 'answer', int32 \[12"):
    shapes(Mix(group=4), {**batch, 'answer': np.zeros((12, 3), np.int32)})
  found = shapes(Mix(group=4), batch)
  assert found['label'].shape == (12, CLASSES)


@pytest.mark.slow
def test_a_run_mixes_and_tells_what_does_not_fit():
  mix = Mix(keep=('group',))
  config = dataclasses.replace(tiny.get_config(), mix=mix, batch_size=16)
  program = make_program(config)  # traces the whole step
  state = program.spread(program.init())
  with train_batches(config.data, batch_size=16, seed=0) as batches:
    _, metrics = program.step(state, program.place(next(batches)))
  # One step, from random parameters: the loss of ten classes.
  assert 1.5 < float(metrics['loss'].value()) < 4
  wrong = dataclasses.replace(config, mix=dataclasses.replace(mix, group=5))
  with pytest.raises(InputError, match='16 examples .* multiple of .* 5'):
    make_program(wrong)
