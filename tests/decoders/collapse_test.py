import itertools

import jax

from mmjax.decoders.ctc import collapse


def test_repetitions_and_blanks_go(rng):
  ids = rng.integers(0, 3, size=(40, 9))
  found, real = jax.jit(collapse)(ids)
  for row in range(40):
    want = [k for k, _ in itertools.groupby(ids[row]) if k]
    assert found[row][real[row]].tolist() == want
    assert not found[row][len(want) :].any()
