import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.resnet import (
  ResidualBlock,
  ResNet,
  resnet18,
  resnet34,
  resnet50,
)
from mmjax.layers.norms import BatchNorm

NORM = BatchNorm()


@pytest.mark.parametrize(
  ('make', 'parameters', 'width'),
  [
    # torchvision's, without the 1000 classes' dense layer.
    (resnet18, 11_689_512 - 513_000, 512),
    (resnet34, 21_797_672 - 513_000, 512),
    (resnet50, 25_557_032 - 2_049_000, 2048),
  ],
)
def test_sizes_are_torchvision_s(make, parameters, width):
  image, mask = jnp.zeros((1, 224, 192, 3)), jnp.ones((1,), bool)
  encoder = make(norm=NORM)
  tokens, variables = jax.eval_shape(
    lambda: encoder.init_with_output(jax.random.key(0), image, mask)
  )
  leaves = jax.tree.leaves(variables['params'])
  assert sum(leaf.size for leaf in leaves) == parameters
  assert encoder.grid(224, 192) == (7, 6)
  assert tokens.x.shape == (1, 7 * 6, width)


def test_every_parameter_has_a_name_of_torchvision():
  image, mask = jnp.zeros((1, 64, 64, 3)), jnp.ones((1,), bool)
  encoder = resnet50(norm=NORM, layers=(1, 1))
  variables = jax.eval_shape(encoder.init, jax.random.key(0), image, mask)
  assert set(variables['params']) == {'conv1', 'norm1', 'layer1_0', 'layer2_0'}
  block = variables['params']['layer2_0']
  assert {name: v['kernel'].shape for name, v in block.items()
          if 'conv' in name} == {
    'conv1': (1, 1, 256, 128),
    'conv2': (3, 3, 128, 128),
    'conv3': (1, 1, 128, 512),
    'downsample_conv': (1, 1, 256, 512),
  }  # fmt: skip
  stats = variables['batch_stats']['layer2_0']
  assert set(stats) == {'norm1', 'norm2', 'norm3', 'downsample_norm'}


def _conv(x, kernel, stride):
  """As PyTorch pads it: evenly, whatever the stride."""
  side = (kernel.shape[0] - 1) // 2
  return jax.lax.conv_general_dilated(
    x, kernel, (stride, stride), [(side, side)] * 2,
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )  # fmt: skip


def test_a_bottleneck_is_its_formula_with_the_stride_on_its_3x3(
  rng, random_params
):
  x = jnp.asarray(rng.normal(size=(2, 6, 6, 3)), jnp.float32)
  mask = jnp.ones((2,), bool)
  block = ResidualBlock(width=2, bottleneck=True, stride=2, norm=NORM)
  params = random_params(block, x, mask)
  stats = jax.eval_shape(block.init, jax.random.key(0), x, mask)['batch_stats']
  stats = jax.tree.map(
    lambda s: jnp.asarray(rng.random(s.shape) + 0.5, jnp.float32), stats
  )
  got = jax.jit(block.apply)({'params': params, 'batch_stats': stats}, x, mask)

  def norm(y, name):
    wide = {
      key: value[None, None, None]
      for key, value in {**params[name], **stats[name]}.items()
    }
    y = (y - wide['mean']) / jnp.sqrt(wide['var'] + NORM.epsilon)
    return y * wide['scale'] + wide['bias']

  y = x
  for i, stride in enumerate((1, 2, 1), 1):
    y = _conv(y, params[f'conv{i}']['kernel'], stride)
    y = norm(y, f'norm{i}')
    y = jnp.maximum(y, 0) if i < 3 else y
  short = _conv(x, params['downsample_conv']['kernel'], 2)
  want = jnp.maximum(norm(short, 'downsample_norm') + y, 0)
  np.testing.assert_allclose(got, want, atol=1e-4)


def test_absent_pictures_do_not_count_in_batch_norm(rng, random_params):
  image = jnp.asarray(rng.random((3, 8, 8, 3)), jnp.float32)
  encoder = ResNet(layers=(1,), width=4, norm=NORM)
  mask = jnp.array([True, False, True])
  params = random_params(encoder, image, mask)
  stats = jax.eval_shape(encoder.init, jax.random.key(0), image, mask)
  stats = jax.tree.map(lambda s: jnp.ones(s.shape), stats['batch_stats'])

  @jax.jit
  def run(image, mask):
    return encoder.apply(
      {'params': params, 'batch_stats': stats},
      image,
      mask,
      train=True,
      mutable=['batch_stats'],
    )

  want, want_stats = run(image[::2], mask[::2])
  for value in (0.0, 1e4, jnp.nan):
    got, got_stats = run(image.at[1].set(value), mask)
    np.testing.assert_allclose(got.x[::2], want.x, atol=1e-5)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5),
      got_stats,
      want_stats,
    )
