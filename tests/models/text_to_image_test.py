"""Pictures from words: what is learned, what is drawn, and from what."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.decoders import (
  Draw,
  Euler,
  FlowTransformer,
  LogitNormalTimes,
  UniformTimes,
)
from mmjax.encoders.text import TextTransformer
from mmjax.models.text_to_image import TextToImage
from mmjax.objectives import FlowMatching

ROWS = 6
TEXT = TextTransformer(width=8, depth=0, heads=2)


def _gently(velocity, x):
  """Two steps that stay near grey, so that no pixel is clipped."""
  x = x * 0.02
  for time in (0.0, 0.5):
    x = x + 0.02 * velocity(x, jnp.asarray(time))
  return x


MODEL = TextToImage(
  encoders={'text': TEXT},
  decoder=FlowTransformer(patch_size=2, width=8, depth=1, heads=2),
  shape=(4, 4, 1),
)
DRAW = Draw(solver=_gently, guidance=2.0)


@functools.cache
def _batch():
  rng = np.random.default_rng(0)
  words = np.arange(5)[None] < np.array([5, 0, 3, 5, 2, 0])[:, None]
  return {
    'image': rng.random((ROWS, 4, 4, 1)).astype(np.float32),
    'text': rng.integers(4, 260, (ROWS, 5)).astype(np.int32),
    'mask': {'image': np.array([1, 1, 1, 0, 1, 0], bool), 'text': words},
    'weight': np.array([1, 1, 2, 1, 0, 1], np.float32),
    'index': np.arange(10, 10 + ROWS, dtype=np.int32),
    'draw': np.zeros(ROWS, np.int32),
  }


@functools.cache
def _params():
  shapes = jax.eval_shape(MODEL.init, jax.random.key(0), _batch())['params']
  rng = np.random.default_rng(1)
  return jax.tree.map(
    lambda s: jnp.asarray(rng.normal(size=s.shape) * 0.3, s.dtype), shapes
  )


@functools.cache
def _run():
  """Term of the objective, and gradients by parameters and pictures."""

  def f(params, image, batch, key):
    batch = {**batch, 'image': image}
    outputs = MODEL.apply(
      {'params': params}, batch, train=True, rngs={'noise': key}
    )
    term = FlowMatching()(outputs, batch)['image']
    total = (term.loss * term.weight).sum()
    return total, (term, outputs['flow']['image'])

  return jax.jit(jax.value_and_grad(f, argnums=(0, 1), has_aux=True))


def _learn(batch, key=0):
  (_, found), gradient = _run()(
    _params(), batch['image'], batch, jax.random.key(key)
  )
  return found, gradient


@functools.cache
def _generate():
  def f(batch):
    return DRAW(MODEL, {'params': _params()}, batch)['image']

  return jax.jit(f)


def _drawn(batch):
  return np.asarray(_generate()(batch))


class Spy(nn.Module):
  """Predicts nothing, but shows what a decoder is asked."""

  @nn.compact
  def __call__(self, x, time, context, *, train=False):
    return jnp.concatenate(
      [x, jnp.broadcast_to(time[:, None, None, None], x.shape)], axis=-1
    )


@pytest.mark.parametrize(
  ('times', 'mean'), [(UniformTimes(), 0.5), (LogitNormalTimes(mean=-1.0), 0.3)]
)
def test_a_noisy_picture_lies_on_the_line_between_noise_and_picture(
  times, mean, rng
):
  model = TextToImage(
    encoders={'text': TEXT}, decoder=Spy(), shape=(4, 4, 3), times=times
  )
  n = 400
  batch = {
    'image': rng.integers(0, 256, (n, 4, 4, 3)).astype(np.uint8),
    'text': np.zeros((n, 2), np.int32),
    'mask': {'image': np.ones(n, bool), 'text': np.zeros((n, 2), bool)},
    'index': np.arange(n, dtype=np.int32),
  }
  params = {
    'encoders_text': jax.tree.map(
      lambda s: jnp.zeros(s.shape, s.dtype),
      jax.eval_shape(model.init, jax.random.key(0), batch)['params'][
        'encoders_text'
      ],
    )
  }
  key = jax.random.key(0)
  flow = jax.jit(
    lambda batch: model.apply(
      {'params': params}, batch, train=True, rngs={'noise': key}
    )['flow']['image']
  )(batch)
  noisy, time = np.split(np.asarray(flow['prediction']), 2, axis=-1)
  picture = batch['image'] / 127.5 - 1
  noise = picture - flow['target']
  np.testing.assert_allclose(
    noisy, (1 - time) * noise + time * picture, atol=1e-5
  )
  assert abs(noise.mean()) < 0.05
  assert noise.std() == pytest.approx(1, abs=0.03)
  assert time[:, 0, 0, 0].mean() == pytest.approx(mean, abs=0.05)
  assert 0 <= time.min() < 0.1
  assert 0.8 < time.max() <= 1


def test_time_and_noise_are_the_examples_own():
  batch = _batch()
  order = np.array([4, 2, 0, 5, 3, 1])
  (_, flow), _ = _learn(batch)
  (_, other), _ = _learn(jax.tree.map(lambda x: x[order], batch))
  np.testing.assert_array_equal(other['target'], flow['target'][order])
  np.testing.assert_allclose(
    other['prediction'], flow['prediction'][order], atol=2e-6
  )
  (_, again), _ = _learn(batch, key=1)
  assert (again['target'] != flow['target']).all()
  assert len(np.unique(flow['target'])) == flow['target'].size


def test_the_loss_is_the_mean_squared_error_of_pictures_that_are_there():
  batch = _batch()
  (term, flow), _ = _learn(batch)
  error = np.asarray(flow['prediction']) - np.asarray(flow['target'])
  np.testing.assert_allclose(
    term.loss, (error**2).mean(axis=(1, 2, 3)), rtol=1e-5
  )
  np.testing.assert_array_equal(term.weight, [1, 1, 2, 0, 0, 0])


@pytest.mark.parametrize('value', [0, 1e4, np.nan])
def test_what_is_masked_changes_nothing(value):
  batch = _batch()
  real = batch['mask']['image'][:, None, None, None]
  id_ = 10**6 if np.isnan(value) else int(value)
  new = {
    **batch,
    'image': np.where(real, batch['image'], value).astype(np.float32),
    'text': np.where(batch['mask']['text'], batch['text'], id_).astype(
      np.int32
    ),
  }
  (term, flow), gradient = _learn(new)
  (want_term, want), want_gradient = _learn(batch)
  there = batch['mask']['image']
  np.testing.assert_array_equal(
    flow['prediction'][there], want['prediction'][there]
  )
  np.testing.assert_array_equal(term.weight, want_term.weight)
  jax.tree.map(np.testing.assert_array_equal, gradient, want_gradient)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))
  # Pictures that are not there, or do not count, have no gradient.
  assert not np.asarray(gradient[1])[[3, 4, 5]].any()
  assert np.asarray(gradient[1])[[0, 1, 2]].any(axis=(1, 2, 3)).all()
  np.testing.assert_array_equal(_drawn(new), _drawn(batch))


def test_drawn_alone_or_in_any_order_a_picture_is_the_same():
  batch = _batch()
  pictures = _drawn(batch)
  order = np.array([4, 2, 0, 5, 3, 1])
  permuted = _drawn(jax.tree.map(lambda x: x[order], batch))
  np.testing.assert_allclose(permuted, pictures[order], atol=1e-6)
  for row in (0, 1, 4):
    alone = _drawn(jax.tree.map(lambda x, r=row: x[r : r + 1], batch))
    np.testing.assert_allclose(alone[0], pictures[row], atol=1e-6)
  # No picture is looked at.
  blind = {**batch, 'image': batch['image'] + 1}
  np.testing.assert_array_equal(_drawn(blind), pictures)


def test_another_draw_or_example_is_another_picture():
  batch = _batch()
  pictures = _drawn(batch)
  again = _drawn({**batch, 'draw': batch['draw'] + 1})
  assert (again != pictures).any(axis=(1, 2, 3)).all()
  same = {**batch, 'text': batch['text'][[0] * ROWS]}
  same['mask'] = {**batch['mask'], 'text': batch['mask']['text'][[0] * ROWS]}
  assert (np.ptp(_drawn(same), axis=0) > 0).all()
  same['index'] = batch['index'][[0] * ROWS]
  np.testing.assert_allclose(np.ptp(_drawn(same), axis=0), 0, atol=1e-6)


def test_guidance_goes_from_nothing_to_words_and_beyond():
  batch = _batch()
  silent = {
    **batch,
    'mask': {**batch['mask'], 'text': np.zeros_like(batch['mask']['text'])},
  }

  @jax.jit
  def velocities(batch, silent):
    def of(guidance, batch):
      # One step shows the velocity itself.
      draw = Draw(
        solver=lambda v, x: 0.02 * v(x, jnp.asarray(0.3)), guidance=guidance
      )
      made = draw(MODEL, {'params': _params()}, batch)
      return (made['image'] - 0.5) * 100

    return of(0.0, batch), of(1.0, batch), of(2.5, batch), of(2.5, silent)

  nothing, words, more, unsaid = map(np.asarray, velocities(batch, silent))
  told = batch['mask']['text'].any(axis=1)
  # 0: as if no words had been said; then no guidance matters.
  np.testing.assert_allclose(nothing, unsaid, atol=1e-4)
  np.testing.assert_allclose(words[~told], nothing[~told], atol=1e-4)
  assert (words[told] != nothing[told]).any(axis=(1, 2, 3)).all()
  np.testing.assert_allclose(more, nothing + 2.5 * (words - nothing), atol=1e-3)


@pytest.mark.parametrize(
  ('make', 'message'),
  [
    (
      lambda: MODEL.clone(shape=(8, 8, 1)),
      r'image is \[4, 4, 1\], not \[8, 8, 1\]',
    ),
    (
      lambda: MODEL.clone(
        decoder=FlowTransformer(patch_size=3, width=8, depth=0, heads=2)
      ),
      'image 4x4 is not divisible by patch_size 3',
    ),
    (
      lambda: MODEL.clone(modality='text'),
      "'text' is both drawn and encoded",
    ),
    (
      lambda: FlowTransformer(width=10, heads=4),
      'width 10 is not divisible by heads 4',
    ),
    (lambda: LogitNormalTimes(std=0.0), 'std 0.0 is not positive'),
  ],
)
def test_what_does_not_fit_is_named(make, message):
  with pytest.raises(ValueError, match=message):
    jax.eval_shape(make().init, jax.random.key(0), _batch())


def test_a_model_that_draws_nothing_is_named():
  with pytest.raises(ValueError, match=r"no 'image', only \['video'\]"):
    FlowMatching()({'flow': {'video': {}}}, {})


def test_pictures_are_in_range_and_drawn_without_any():
  draw = Draw(solver=Euler(steps=2), guidance=1.0)
  run = jax.jit(lambda batch: draw(MODEL, {'params': _params()}, batch))
  batch = {k: v for k, v in _batch().items() if k not in ('image', 'draw')}
  pictures = np.asarray(run(batch)['image'])
  assert pictures.shape == (ROWS, 4, 4, 1)
  assert 0 <= pictures.min() < 0.2
  assert 0.8 < pictures.max() <= 1
