import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.objectives.contrastive import Contrastive, Sigmoid

PAIR = (('image', 'text'),)
KINDS = (Contrastive, Sigmoid)


def _float():
  return jnp.float64 if jax.config.jax_enable_x64 else jnp.float32


def _case(rng, b=24, d=6):
  def unit():
    x = rng.normal(size=(b, d))
    return jnp.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), _float())

  embeddings = {'image': unit(), 'text': unit()}
  shared = {'logit_scale': _float()(7.0), 'logit_bias': _float()(-2)}
  batch = {
    'mask': {
      'image': jnp.asarray(rng.random(b) < 0.8),
      'text': jnp.asarray(rng.random((b, 3)) < 0.4),
    },
    'weight': jnp.asarray(rng.integers(0, 3, b), _float()),
    'group': jnp.asarray(rng.integers(0, b // 2, b)),
    'one': jnp.zeros(b, jnp.int32),
  }
  return embeddings, shared, batch


@functools.partial(jax.jit, static_argnums=(0, 4))
def _measure(objective, embeddings, shared, batch, axis_name=None):
  """Losses, and gradients by embeddings, scale and bias."""

  def total(embeddings, shared):
    term = objective(
      {'embeddings': embeddings, 'shared': shared}, batch, axis_name=axis_name
    )['image_text']
    return (term.loss * term.weight).sum(), term.loss

  slopes, losses = jax.grad(total, argnums=(0, 1), has_aux=True)(
    embeddings, shared
  )
  return losses, slopes


def _close(got, want):
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11),
    got,
    want,
  )


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
  ('same', 'tile'),
  [
    ('group', 5),
    ('one', 6),
    pytest.param(None, 8, marks=pytest.mark.slow),
    pytest.param('group', 99, marks=pytest.mark.slow),
  ],
)
def test_tiles_give_what_the_whole_matrix_gives(rng, kind, same, tile):
  with jax.enable_x64(True):
    case = _case(rng)
    want = _measure(kind(pairs=PAIR, same=same), *case)
    got = _measure(kind(pairs=PAIR, same=same, tile=tile), *case)
    # Where all are one group, nothing is a negative, and nothing is learned
    # from one.
    assert np.isfinite(want[0]).all()
    _close(got, want)


@pytest.mark.parametrize('kind', KINDS)
def test_tiles_reach_over_devices(rng, kind):
  with jax.enable_x64(True):
    embeddings, shared, batch = _case(rng)
    want = _measure(kind(pairs=PAIR, same='group'), embeddings, shared, batch)
    tiled = kind(pairs=PAIR, same='group', tile=8)

    def split(tree):
      return jax.tree.map(lambda x: x.reshape(4, 6, *x.shape[1:]), tree)

    run = jax.vmap(
      lambda e, b: _measure(tiled, e, shared, b, 'devices'),
      axis_name='devices',
    )
    losses, (by_embedding, by_shared) = run(split(embeddings), split(batch))

    def join(x):
      return x.reshape(24, *x.shape[2:])

    # Each device has the slope of its own rows' losses; the step adds them up.
    by_shared = jax.tree.map(lambda x: x.sum(axis=0), by_shared)
    by_embedding = jax.tree.map(join, by_embedding)
    _close((join(losses), (by_embedding, by_shared)), want)


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
def test_memory_grows_with_the_batch_and_not_with_its_square(kind):
  def temporaries(tile, b, d=8):
    objective = kind(pairs=PAIR, tile=tile)

    def shape(*sizes):
      return jax.ShapeDtypeStruct(sizes, jnp.float32)

    embeddings = {'image': shape(b, d), 'text': shape(b, d)}
    shared = {'logit_scale': shape(), 'logit_bias': shape()}
    batch = {
      'mask': dict.fromkeys(embeddings, jax.ShapeDtypeStruct((b,), bool)),
      'weight': shape(b),
    }
    lowered = _measure.lower(objective, embeddings, shared, batch)
    return lowered.compile().memory_analysis().temp_size_in_bytes

  whole = temporaries(None, 2048)
  assert whole > 4 * 2048**2
  small, large = temporaries(64, 2048), temporaries(64, 4096)
  assert small < whole / 20
  assert large < 3 * small


def test_half_precision_is_summed_in_full(rng):
  embeddings, shared, batch = jax.tree.map(
    lambda x: (
      x.astype(jnp.float32) if jnp.issubdtype(x.dtype, jnp.floating) else x
    ),
    _case(rng, b=64),
  )
  half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), embeddings)
  losses, (slopes, _) = _measure(
    Contrastive(pairs=PAIR, tile=8), half, shared, batch
  )
  assert losses.dtype == jnp.float32
  assert slopes['image'].dtype == jnp.bfloat16
  want, _ = _measure(
    Contrastive(pairs=PAIR),
    jax.tree.map(lambda x: x.astype(jnp.float32), half),
    shared,
    batch,
  )
  np.testing.assert_allclose(losses, want, rtol=0.02)


@pytest.mark.parametrize('kind', KINDS)
def test_a_tile_has_a_side(kind):
  with pytest.raises(ValueError, match='tile 0 is below 1'):
    kind(pairs=PAIR, tile=0)
