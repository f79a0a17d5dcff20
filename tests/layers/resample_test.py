import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.layers.resample import cubic_weights, resample_bicubic


@pytest.mark.parametrize('antialias', [False, True])
@pytest.mark.parametrize('sizes', [(5, 5), (5, 3), (4, 9)])
def test_constants_stay_and_nothing_moves_at_the_same_size(sizes, antialias):
  weights = cubic_weights(*sizes, antialias=antialias)
  np.testing.assert_allclose(weights.sum(axis=1), 1)
  if sizes[0] == sizes[1]:
    np.testing.assert_allclose(weights, np.eye(5), atol=1e-12)


@pytest.mark.parametrize('sizes', [(5, 9), (63, 64), (4, 4)])
def test_corners_lie_on_each_other_as_in_pytorch(sizes):
  torch = pytest.importorskip('torch')
  x = np.random.default_rng(0).normal(size=sizes[0])
  want = torch.nn.functional.interpolate(
    torch.tensor(x)[None, None, :, None],
    size=(sizes[1], 1),
    mode='bicubic',
    align_corners=True,
  )[0, 0, :, 0]
  got = cubic_weights(*sizes, corners=True) @ x
  np.testing.assert_allclose(got, want.numpy(), atol=1e-12)
  np.testing.assert_allclose(got[[0, -1]], x[[0, -1]], atol=1e-12)


@pytest.mark.parametrize('antialias', [False, True])
@pytest.mark.parametrize('size', [(3, 4), (9, 11), (5, 2)])
def test_is_that_of_pytorch(size, antialias):
  torch = pytest.importorskip('torch')
  x = np.random.default_rng(0).normal(size=(5, 7, 3)).astype(np.float32)
  want = torch.nn.functional.interpolate(
    torch.tensor(x).permute(2, 0, 1)[None],
    size=size,
    mode='bicubic',
    align_corners=False,
    antialias=antialias,
  )[0].permute(1, 2, 0)
  got = resample_bicubic(jnp.asarray(x), size, antialias=antialias)
  np.testing.assert_allclose(got, want.numpy(), atol=3e-6)
