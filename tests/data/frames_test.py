import numpy as np
import pytest

from mmjax.data.frames import to_length


@pytest.mark.parametrize('shape', [(3,), (2, 4, 1)])
def test_cuts_or_pads_and_says_what_is_real(rng, shape):
  x = rng.normal(size=(5, *shape)).astype(np.float32)
  longer, mask = to_length(x, 7)
  np.testing.assert_array_equal(longer[:5], x)
  assert not longer[5:].any()
  assert mask.tolist() == [True] * 5 + [False] * 2
  shorter, mask = to_length(x, 2)
  np.testing.assert_array_equal(shorter, x[:2])
  assert mask.all()
  assert longer.dtype == shorter.dtype == np.float32
