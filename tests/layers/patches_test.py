import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.layers.patches import count_patches, split_patches


@pytest.mark.parametrize(
  ('size', 'stride', 'sides'),
  [
    ((2, 3), (2, 3), (0, 0)),
    ((4, 5), (2, 3), (1, 1)),
    ((3, 4), (3, 2), (0, 1)),
  ],
)
def test_patches_are_what_the_convolution_sees(rng, size, stride, sides):
  x = jnp.asarray(rng.normal(size=(2, 8, 11, 3)), jnp.float32)
  kernel = jnp.asarray(rng.normal(size=(*size, 3, 4)), jnp.float32)
  want = jax.lax.conv_general_dilated(
    x, kernel, stride, [(side, side) for side in sides],
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )  # fmt: skip
  got = split_patches(x, size, stride, sides) @ kernel.reshape(-1, 4)
  np.testing.assert_allclose(got, want, atol=1e-4)
  counts = [
    count_patches(*a) for a in zip((8, 11), size, stride, sides, strict=True)
  ]
  assert counts == list(want.shape[1:3])
