import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.layers.windows import (
  WindowBlock,
  join_windows,
  relative_places,
  shifted_regions,
  split_windows,
)


def test_windows_are_slices_of_the_grid(rng):
  x = rng.normal(size=(2, 6, 9, 4))
  got = split_windows(jnp.asarray(x), 3)
  want = [
    x[b, row : row + 3, column : column + 3].reshape(9, 4)
    for b in range(2)
    for row in (0, 3)
    for column in (0, 3, 6)
  ]
  np.testing.assert_allclose(got, np.stack(want), rtol=1e-6)
  np.testing.assert_allclose(join_windows(got, 3, (6, 9)), x, rtol=1e-6)


@pytest.mark.parametrize(('window', 'shift'), [(4, 2), (3, 1), (5, 2)])
def test_places_of_a_region_are_as_far_apart_as_before_the_shift(window, shift):
  """What the shift brings together from two borders is of two regions."""
  h, w = 2 * window, 3 * window
  rows, columns = np.meshgrid(np.arange(h), np.arange(w), indexing='ij')
  before = np.stack([rows, columns], axis=-1)
  after = np.roll(before, (-shift, -shift), axis=(0, 1))
  regions = shifted_regions((h, w), window, shift)
  for i, region in enumerate(regions):
    row, column = divmod(i, 3)
    here = np.s_[
      row * window : (row + 1) * window, column * window : (column + 1) * window
    ]
    old, new = after[here].reshape(-1, 2), before[here].reshape(-1, 2)
    same = (old[:, None] - old[None] == new[:, None] - new[None]).all(axis=-1)
    np.testing.assert_array_equal(region[:, None] == region[None], same)


def test_relative_places_count_from_the_far_corner():
  got = relative_places(5, 3)
  # From the last place to the first it is two steps up and to the left.
  assert got[0, 8].tolist() == [2, 2]
  assert got[8, 0].tolist() == [6, 6]
  assert got[4, 5].tolist() == [4, 3]


def _numpy_attention(x, params, grid, window, shift):
  """Each token in turn looks at those it may, with a loop over heads."""
  norm = params['attention_norm']
  y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
  y = y * norm['scale'] + norm['bias']
  h, w = grid
  rows, columns = (-(-side // window) * window for side in grid)
  # The rest of the last windows is zero, and looked at.
  field = np.zeros((rows, columns, x.shape[-1]))
  field[:h, :w] = y.reshape(h, w, -1)
  heads = params['attention']
  table = params['positions']['table']

  def project(name, place):
    kernel, bias = heads[name]['kernel'], heads[name]['bias']
    return np.einsum('d,dkh->kh', field[place], kernel) + bias

  def window_of(place):
    moved = (place[0] - shift) % rows, (place[1] - shift) % columns
    return (moved[0] // window, moved[1] // window), moved

  places = list(np.ndindex(rows, columns))
  result = np.zeros_like(x)
  for n, place in enumerate(np.ndindex(h, w)):
    own, moved = window_of(place)
    seen = []
    for other in places:
      theirs, there = window_of(other)
      step = place[0] - other[0], place[1] - other[1]
      near = step == (moved[0] - there[0], moved[1] - there[1])
      if theirs == own and near:
        seen.append((other, (step[0] + window - 1, step[1] + window - 1)))
    query = project('query', place)
    scores = np.stack(
      [
        (query * project('key', other)).sum(-1) / np.sqrt(query.shape[-1])
        + table[step]
        for other, step in seen
      ]
    )
    weights = np.exp(scores - scores.max(axis=0))
    weights /= weights.sum(axis=0)
    values = np.stack([project('value', other) for other, _ in seen])
    found = np.einsum('mk,mkh->kh', weights, values)
    out = np.einsum('kh,khd->d', found, heads['out']['kernel'])
    result[n] = out + heads['out']['bias']
  return x + result


def test_a_block_is_its_formula(rng, random_params):
  """On a grid that windows do not cover, with windows that have moved."""
  grid, window, shift = (5, 6), 4, 2
  block = WindowBlock(heads=3, grid=grid, window=window, shift=shift)
  x = rng.normal(size=(2, 30, 6)).astype(np.float32)
  params = random_params(block, jnp.asarray(x))
  # The MLP adds nothing.
  params['mlp']['down'] = jax.tree.map(jnp.zeros_like, params['mlp']['down'])
  got = jax.jit(block.apply)({'params': params}, jnp.asarray(x))
  plain = jax.tree.map(np.asarray, params)
  for row in range(2):
    want = _numpy_attention(x[row], plain, grid, window, shift)
    np.testing.assert_allclose(got[row], want, atol=2e-5)


def test_a_grid_that_is_one_window_does_not_shift(rng, random_params):
  x = jnp.asarray(rng.normal(size=(1, 9, 4)), jnp.float32)
  moved = WindowBlock(heads=2, grid=(3, 3), window=4, shift=2)
  still = WindowBlock(heads=2, grid=(3, 3), window=4)
  params = random_params(still, x)
  assert params['positions']['table'].shape == (7, 7, 2)
  got, want = (jax.jit(b.apply)({'params': params}, x) for b in (moved, still))
  np.testing.assert_array_equal(got, want)
  # All see all: another token is noticed everywhere.
  other = jax.jit(still.apply)({'params': params}, x.at[0, 8, 1].add(1.0))
  assert (np.abs(other - want).max(axis=-1) > 1e-6).all()
