import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from mmjax.fusion.vote import vote


def test_vote_is_the_mean_log_probability_of_who_is_there(rng):
  logits = [rng.normal(size=(3, 4)).astype(np.float32) * 3 for _ in range(3)]
  here = np.array([[1, 1, 1], [1, 0, 1], [1, 0, 0]], bool)
  dirty = [
    np.where(h[:, None], x, np.nan) for x, h in zip(logits, here.T, strict=True)
  ]

  def run(logits):
    return vote(logits, [jnp.asarray(h) for h in here.T])

  got = run([jnp.asarray(x) for x in dirty])
  for row in range(3):
    parts = [
      scipy.special.log_softmax(x[row].astype(np.float64))
      for x, h in zip(logits, here.T, strict=True)
      if h[row]
    ]
    want = scipy.special.log_softmax(np.mean(parts, axis=0))
    np.testing.assert_allclose(
      jax.nn.log_softmax(got[row]), want, rtol=1e-5, atol=1e-5
    )
