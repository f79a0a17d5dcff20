import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.video import VideoTransformer
from mmjax.layers.embed import SinCosPositions
from mmjax.layers.space_time import SpaceTimeTransformer
from mmjax.types import Tokens

PLAIN = {'mean': (0.0,) * 3, 'std': (1.0,) * 3}


def test_tubelets_are_the_strided_convolution_over_time_and_space(
  rng, random_params
):
  video = jnp.asarray(rng.random((2, 6, 4, 8, 3)), jnp.float32)
  encoder = VideoTransformer(
    tubelet=(2, 4), width=12, depth=0, heads=2, **PLAIN
  )
  mask = jnp.ones((2, 6), bool)
  params = random_params(encoder, video, mask)
  params['transformer']['norm'] = {'scale': jnp.ones(12), 'bias': jnp.zeros(12)}
  tokens = jax.jit(encoder.apply)({'params': params}, video, mask)
  kernel = params['patches']['kernel'].reshape(2, 4, 4, 3, 12)
  x = jax.lax.conv_general_dilated(
    video, kernel, (2, 4, 4), 'VALID',
    dimension_numbers=('NDHWC', 'DHWIO', 'NDHWC'),
  ).reshape(2, 6, 12)  # fmt: skip
  x = x + params['patches']['bias'][None, None]
  x = x + SinCosPositions()((3, 1, 2), 12)[None]
  x = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(
    x.var(-1, keepdims=True) + 1e-6
  )
  np.testing.assert_allclose(tokens.x, x, atol=1e-4)
  with pytest.raises(
    ValueError, match='frames of 4x8 are not divisible by tub'
  ):
    VideoTransformer(tubelet=(2, 3), width=12, heads=2).grid(6, 4, 8)


def _without(params, name):
  """The parameters of a block one of whose attentions adds nothing."""
  block = {**params['block_0']}
  block[name] = {
    **block[name], 'out': jax.tree.map(jnp.zeros_like, block[name]['out'])
  }  # fmt: skip
  return {'params': {**params, 'block_0': block}}


def test_factorised_attention_looks_along_space_then_along_time(
  rng, random_params
):
  stack = SpaceTimeTransformer(depth=1, heads=2, moments=3)
  x = jnp.asarray(
    rng.normal(size=(1, 6, 8)), jnp.float32
  )  # 3 moments, 2 places
  mask = jnp.ones((1, 6), bool)
  params = random_params(stack, Tokens(x, mask))
  apply = jax.jit(stack.apply)

  def seen(variables):
    """Which tokens notice that the first of the second moment is another."""
    other = x.at[0, 2].add(jnp.arange(8.0))
    a, b = (apply(variables, Tokens(y, mask)).x for y in (x, other))
    return (np.abs(a - b).max(axis=-1) > 1e-6).reshape(3, 2)

  one_moment, one_place = np.zeros((3, 2), bool), np.zeros((3, 2), bool)
  one_moment[1], one_place[:, 0] = True, True
  np.testing.assert_array_equal(seen(_without(params, 'time')), one_moment)
  np.testing.assert_array_equal(seen(_without(params, 'space')), one_place)
  assert seen({'params': params}).all()


@pytest.mark.slow
def test_scanned_blocks_are_the_unrolled_ones(rng, random_params):
  unrolled = SpaceTimeTransformer(depth=2, heads=2, moments=3)
  x = jnp.asarray(rng.normal(size=(2, 6, 8)), jnp.float32)
  tokens = Tokens(x, jnp.asarray(rng.random((2, 6)) > 0.3))
  params = random_params(unrolled, tokens)
  stacked = {
    'norm': params['norm'],
    'blocks': jax.tree.map(
      lambda *leaves: jnp.stack(leaves), params['block_0'], params['block_1']
    ),
  }
  scanned = unrolled.copy(scan=True, remat='full')
  want = jax.jit(unrolled.apply)({'params': params}, tokens)
  got = jax.jit(scanned.apply)({'params': stacked}, tokens)
  np.testing.assert_allclose(got.x, want.x, atol=1e-5)
