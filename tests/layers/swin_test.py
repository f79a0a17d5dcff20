import jax
import jax.numpy as jnp
import numpy as np

from mmjax.layers.swin import PatchMerging, merged


def test_two_by_two_places_become_one_columns_first(rng, random_params):
  x = rng.normal(size=(1, 3, 4, 2)).astype(np.float32)
  merging = PatchMerging()
  params = random_params(merging, jnp.asarray(x))
  got = jax.jit(merging.apply)({'params': params}, jnp.asarray(x))
  filled = np.zeros((4, 4, 2))
  filled[:3] = x[0]
  norm, kernel = params['places_norm'], params['reduction']['kernel']
  for row, column in np.ndindex(2, 2):
    four = filled[2 * row :, 2 * column :]
    y = np.concatenate([four[0, 0], four[1, 0], four[0, 1], four[1, 1]])
    y = (y - y.mean()) / np.sqrt(y.var() + 1e-5) * norm['scale'] + norm['bias']
    np.testing.assert_allclose(got[0, row, column], y @ kernel, atol=1e-5)
  assert merged(3, 2) == 2
  assert [merged(7, n) for n in (1, 2, 3, 4)] == [7, 4, 2, 1]
