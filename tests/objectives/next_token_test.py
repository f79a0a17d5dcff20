import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from mmjax.objectives import NextToken

TEXT = np.array([[1, 4, 2, 0], [1, 3, 4, 2], [1, 2, -9, 10**6], [1, 3, 2, 0]])
MASK = np.array([3, 4, 2, 1])[:, None] > np.arange(4)[None]
WEIGHT = np.array([1.0, 2.0, 0.0, 1.0])


@pytest.mark.parametrize(('smooth', 'z'), [(0.0, 0.0), (0.2, 0.1)])
@pytest.mark.parametrize('only', [None, 'answer'])
def test_it_is_the_mean_over_all_tokens_that_follow_another(
  rng, only, smooth, z
):
  logits = rng.normal(size=(4, 4, 5)).astype(np.float32)
  answer = np.array([[0, 0, 1, 1]] * 4) if only else np.ones((4, 4))
  batch = {
    'text': jnp.asarray(TEXT),
    'mask': {'text': jnp.asarray(MASK)},
    'answer': jnp.asarray(answer),
    'weight': jnp.asarray(WEIGHT),
  }
  objective = NextToken(only=only, label_smoothing=smooth, z_loss=z)
  given = {'logits': {'logits': jnp.asarray(logits)}}
  term = jax.jit(objective)(given, batch)['text']
  logits = logits.astype(np.float64)
  log_p = scipy.special.log_softmax(logits, axis=2)
  drift = scipy.special.logsumexp(logits, axis=2) ** 2
  total, count = 0.0, 0.0
  for row in range(4):
    for t in range(1, MASK[row].sum()):
      if answer[row, t]:
        told = log_p[row, t - 1, TEXT[row, t]] * (1 - smooth)
        told += log_p[row, t - 1].mean() * smooth
        total += (z * drift[row, t - 1] - told) * WEIGHT[row]
        count += WEIGHT[row]
  got = (term.loss * term.weight).sum() / term.weight.sum()
  np.testing.assert_allclose(got, total / count, rtol=1e-5)
  assert np.isfinite(term.loss).all()
  # One token alone says nothing.
  assert term.weight[3] == 0


def test_a_share_is_a_share():
  with pytest.raises(ValueError, match='label_smoothing -1'):
    NextToken(label_smoothing=-1.0)
