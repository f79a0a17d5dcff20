import jax
import jax.numpy as jnp
import numpy as np
from scipy.signal import correlate

from mmjax.layers.convolution import ConvBlock, MaskedConv


def _conv(x, kernel, bias):
  """A 'same' convolution of [h w c], one pair of channels at a time."""
  out = np.zeros((*x.shape[:2], kernel.shape[-1])) + bias
  for i in range(kernel.shape[2]):
    for o in range(kernel.shape[3]):
      out[..., o] += correlate(x[..., i], kernel[:, :, i, o], mode='same')
  return out


def test_a_block_is_conv_relu_conv(rng, random_params):
  x = jnp.asarray(rng.normal(size=(2, 5, 6, 3)), jnp.float32)
  mask = jnp.ones((2, 5), bool)
  block = ConvBlock(4)
  params = random_params(block, x, mask)
  got, _ = jax.jit(block.apply)({'params': params}, x, mask)
  first, second = (
    {k: np.asarray(v) for k, v in params[f'conv_{i}']['conv'].items()}
    for i in range(2)
  )
  for row in range(2):
    hidden = np.maximum(_conv(x[row], **first), 0)
    np.testing.assert_allclose(got[row], _conv(hidden, **second), atol=1e-4)


def test_a_place_is_where_the_stride_puts_it_whatever_the_length(
  rng, random_params
):
  x = jnp.asarray(rng.normal(size=(1, 12, 2)), jnp.float32)
  conv = MaskedConv(3, (5,), (3,))
  params = random_params(conv, x, jnp.ones((1, 12), bool))
  kernel, bias = (np.asarray(params['conv'][k]) for k in ('kernel', 'bias'))
  real = 8
  apply = jax.jit(conv.apply)
  padded = np.pad(x[0, :real], ((2, 9), (0, 0)))
  want = [
    np.einsum('kc,kcd->d', padded[at : at + 5], kernel) + bias
    for at in range(0, real, 3)
  ]
  for length in (8, 9, 10, 12):
    mask = jnp.arange(length)[None] < real
    got, kept = apply({'params': params}, x[:, :length], mask)
    assert got.shape[1] == -(-length // 3)
    np.testing.assert_array_equal(kept[0], np.arange(got.shape[1]) < len(want))
    np.testing.assert_allclose(got[0, : len(want)], want, atol=1e-5)


def test_padding_may_be_anything(rng, random_params):
  x = jnp.asarray(rng.normal(size=(1, 6, 2)), jnp.float32)
  mask = jnp.arange(6)[None] < 4
  conv = MaskedConv(3, (3,), (1,))
  params = random_params(conv, x, mask)
  apply = jax.jit(conv.apply)
  want = apply({'params': params}, x, mask)[0]
  got = apply({'params': params}, x.at[0, 4:].set(jnp.nan), mask)[0]
  np.testing.assert_array_equal(got, want)
