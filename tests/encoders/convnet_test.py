import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.convnet import ConvNet

HERE = jnp.ones((1,), bool)


def test_pictures_of_any_size_go_through_the_same_parameters(
  rng, random_params
):
  # A picture that repeats gives the tokens of one period, away from the edge.
  encoder = ConvNet(
    widths=(4, 4), convolutions=1, mean=(0.0,) * 3, std=(1.0,) * 3
  )
  small = jnp.tile(rng.random((4, 4, 3)).astype(np.float32), (3, 3, 1))[None]
  large = jnp.tile(small, (1, 2, 2, 1))[:, :, :23]
  params = random_params(encoder, small, HERE)
  apply = jax.jit(encoder.apply)
  a = apply({'params': params}, small, HERE)
  b = apply({'params': params}, large, HERE)
  assert a.x.shape == (1, 9, 4)
  assert b.x.shape == (1, 36, 4)  # 24 x 23 pixels: the last column counts.
  np.testing.assert_allclose(a.x[0, 4], b.x[0, 7], atol=1e-5)
  assert not np.allclose(a.x[0, 0], b.x[0, 7], atol=1e-5)


def test_a_stage_keeps_the_largest_of_its_rectified_block(rng, random_params):
  image = jnp.asarray(rng.random((1, 4, 6, 1)), jnp.float32)
  encoder = ConvNet(widths=(2,), mean=(0.5,), std=(0.25,))
  params = random_params(encoder, image, HERE)
  tokens = jax.jit(encoder.apply)({'params': params}, image, HERE)
  x = jnp.asarray((image - 0.5) / 0.25)
  for i in range(2):
    conv = params['block_0'][f'conv_{i}']['conv']
    x = jax.lax.conv_general_dilated(
      x, conv['kernel'], (1, 1), 'SAME',
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    )  # fmt: skip
    x = np.maximum(x + conv['bias'][None, None, None], 0)
  want = np.asarray(x).reshape(2, 2, 3, 2, 2).max(axis=(1, 3)).reshape(6, 2)
  np.testing.assert_allclose(tokens.x[0], want, atol=1e-5)


def test_what_does_not_fit_is_named():
  with pytest.raises(ValueError, match='widths is empty'):
    ConvNet(widths=())
  with pytest.raises(ValueError, match='pool 0 is less than 1'):
    ConvNet(pool=0)
