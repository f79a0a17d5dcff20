import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax import masking

POISON = [0.0, 1e4, np.nan, np.inf]


def test_masked_softmax_is_the_softmax_of_the_real_part(rng):
  logits = rng.normal(size=(3, 7)).astype(np.float32)
  mask = rng.random((3, 7)) < 0.6
  mask[0] = False
  got = np.asarray(
    masking.masked_softmax(jnp.asarray(logits), jnp.asarray(mask))
  )
  for row in (1, 2):
    real = np.exp(logits[row][mask[row]])
    np.testing.assert_allclose(
      got[row][mask[row]], real / real.sum(), rtol=1e-6
    )
  assert (got[~mask] == 0).all()
  assert (got[0] == 0).all()


@pytest.mark.parametrize('poison', POISON)
def test_what_is_masked_changes_neither_value_nor_gradient(rng, poison):
  x = rng.normal(size=(2, 5, 3)).astype(np.float32)
  mask = jnp.array([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0]], bool)

  def run(x):
    def f(x):
      mean = masking.masked_mean(x, mask)
      weights = masking.masked_softmax(x[..., 0], mask)
      return (mean**2).sum() + (weights**2).sum()

    return jax.value_and_grad(f)(jnp.asarray(x))

  clean = np.where(mask[..., None], x, 0)
  dirty = np.where(mask[..., None], x, poison).astype(np.float32)
  value, gradient = run(clean)
  got_value, got_gradient = run(dirty)
  assert got_value == value
  np.testing.assert_array_equal(got_gradient, gradient)
  assert (np.asarray(gradient)[~mask] == 0).all()


def _batch(here):
  here = np.asarray(here, bool)
  return {
    'mask': {
      'image': jnp.asarray(here[:, 0]),
      'text': jnp.asarray(np.repeat(here[:, 1:2], 4, axis=1)),
      'tabular': {'numeric': jnp.asarray(here[:, 2:])},
    }
  }


def _here(batch):
  masks = batch['mask']
  return np.stack(
    [
      np.asarray(masks['image']),
      np.asarray(masks['text']).any(1),
      np.asarray(masks['tabular']['numeric']).any(1),
    ],
    axis=1,
  )


def test_drop_modalities_drops_at_its_rates_and_never_everything():
  n = 4000
  batch = _batch(np.ones((n, 3)))
  keys = jax.random.split(jax.random.key(1), n)
  rates = {'image': 0.5, 'text': 0.2, 'tabular': 0.0}
  here = _here(masking.drop_modalities(batch, keys, rates))
  np.testing.assert_allclose(here.mean(0), [0.5, 0.8, 1.0], atol=0.03)

  rates = dict.fromkeys(rates, 1.0)
  here = _here(masking.drop_modalities(batch, keys, rates))
  assert (here.sum(axis=1) == 1).all()
  np.testing.assert_allclose(here.mean(0), [1 / 3] * 3, atol=0.03)


def test_drop_modalities_depends_on_the_example_alone_and_revives_nothing(rng):
  here = rng.random((64, 3)) < 0.5
  batch = _batch(here)
  keys = jax.random.split(jax.random.key(2), 64)
  rates = {'image': 0.6, 'text': 0.6, 'tabular': 0.6}
  kept = _here(masking.drop_modalities(batch, keys, rates))
  assert not (kept & ~here).any()
  assert (kept.any(1) == here.any(1)).all()
  order = rng.permutation(64)
  shuffled = _here(
    masking.drop_modalities(_batch(here[order]), keys[order], rates)
  )
  np.testing.assert_array_equal(shuffled, kept[order])


def test_keep_modalities_hides_the_others_and_knows_its_names():
  batch = _batch(np.ones((2, 3)))
  kept = _here(masking.keep_modalities(batch, ('text',)))
  np.testing.assert_array_equal(kept, [[False, True, False]] * 2)
  with pytest.raises(ValueError, match="no modality 'smell' in the batch"):
    masking.keep_modalities(batch, ('smell',))
