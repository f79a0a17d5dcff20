import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from mmjax.objectives.contrastive import Contrastive, Sigmoid

PAIR = (('image', 'text'),)


def _case(rng, b=8, d=5):
  def unit():
    x = rng.normal(size=(b, d))
    return jnp.asarray(
      x / np.linalg.norm(x, axis=1, keepdims=True), jnp.float32
    )

  outputs = {
    'embeddings': {'image': unit(), 'text': unit()},
    'shared': {'logit_scale': jnp.float32(7.0), 'logit_bias': jnp.float32(-2)},
  }
  batch = {
    'mask': {
      'image': jnp.asarray(np.arange(b) != 1),
      'text': jnp.asarray(np.arange(b * 3).reshape(b, 3) // 3 != 4),
    },
    'weight': jnp.asarray([1, 1, 0.5, 0, 1, 1, 2, 1], jnp.float32)[:b],
    'group': jnp.asarray([0, 1, 2, 3, 4, 5, 2, 6])[:b],
  }
  return outputs, batch


REAL = np.array([0, 2, 5, 6, 7])  # both sides there and weight above zero


def _numpy_info_nce(x, y, scale, negatives):
  logits = scale * x @ y.T
  logits = np.where(negatives | np.eye(len(x), dtype=bool), logits, -np.inf)
  rows = scipy.special.logsumexp(logits, axis=1) - np.diag(logits)
  columns = scipy.special.logsumexp(logits, axis=0) - np.diag(logits)
  return (rows + columns) / 2


def _numpy_sigmoid(x, y, scale, bias, negatives):
  n = len(x)
  loss = np.zeros(n)
  for i in range(n):
    for j in range(n):
      if i != j and not negatives[i, j]:
        continue
      z = 1 if i == j else -1
      loss[i] += np.log1p(np.exp(-z * (scale * x[i] @ y[j] + bias)))
  return loss


@pytest.mark.parametrize('same', [None, 'group'])
@pytest.mark.parametrize('kind', [Contrastive, Sigmoid])
def test_loss_is_that_of_the_batch_without_what_is_absent(rng, kind, same):
  outputs, batch = _case(rng)
  term = kind(pairs=PAIR, same=same)(outputs, batch)['image_text']
  x, y = (
    np.asarray(outputs['embeddings'][m], np.float64)[REAL]
    for m in ('image', 'text')
  )
  group = np.asarray(batch['group'])[REAL]
  negatives = np.ones((len(REAL),) * 2, bool)
  if same:
    negatives = group[:, None] != group[None]
  if kind is Contrastive:
    want = _numpy_info_nce(x, y, 7.0, negatives)
  else:
    want = _numpy_sigmoid(x, y, 7.0, -2.0, negatives)
  np.testing.assert_allclose(np.asarray(term.loss)[REAL], want, rtol=1e-5)
  weight = np.zeros(8)
  weight[REAL] = np.asarray(batch['weight'])[REAL]
  np.testing.assert_array_equal(term.weight, weight)


@pytest.mark.slow
@pytest.mark.parametrize('kind', [Contrastive, Sigmoid])
def test_negatives_come_from_all_devices_and_so_do_gradients(rng, kind):
  outputs, batch = _case(rng)
  objective = kind(pairs=PAIR)

  def total(embeddings, batch, axis_name):
    term = objective(
      {**outputs, 'embeddings': embeddings}, batch, axis_name=axis_name
    )['image_text']
    return (term.loss * term.weight).sum()

  want, gradient = jax.value_and_grad(total)(outputs['embeddings'], batch, None)

  def split(tree):
    return jax.tree.map(lambda x: x.reshape(4, 2, *x.shape[1:]), tree)

  got, got_gradient = jax.vmap(
    jax.value_and_grad(lambda e, b: total(e, b, 'devices')),
    axis_name='devices',
  )(split(outputs['embeddings']), split(batch))
  np.testing.assert_allclose(got.sum(), want, rtol=1e-5)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(
      a.reshape(b.shape), b, rtol=1e-4, atol=1e-5
    ),
    got_gradient,
    gradient,
  )


def test_each_direction_may_have_its_own_scale(rng):
  outputs, batch = _case(rng)
  objective = Contrastive(pairs=PAIR)

  def loss(image, text):
    scales = {'image': jnp.float32(image), 'text': jnp.float32(text)}
    shared = {**outputs['shared'], 'logit_scales': scales}
    found = objective({**outputs, 'shared': shared}, batch)
    return found['image_text'].loss[REAL]

  want = objective(outputs, batch)['image_text'].loss[REAL]
  np.testing.assert_allclose(loss(7.0, 7.0), want, rtol=1e-6)
  # The two directions are added, so that each sees its own scale alone.
  both = loss(3.0, 5.0) + loss(5.0, 3.0)
  np.testing.assert_allclose(both, loss(3.0, 3.0) + loss(5.0, 5.0), rtol=1e-5)
  assert (np.abs(loss(3.0, 5.0) - loss(5.0, 3.0)) > 1e-3).any()


def test_several_pairs_are_several_terms(rng):
  outputs, batch = _case(rng)
  outputs['embeddings']['audio'] = outputs['embeddings']['image']
  batch['mask']['audio'] = batch['mask']['image']
  pairs = (('image', 'text'), ('text', 'audio'))
  terms = Contrastive(pairs=pairs)(outputs, batch)
  assert list(terms) == ['image_text', 'text_audio']
  np.testing.assert_allclose(
    terms['image_text'].loss, terms['text_audio'].loss, rtol=1e-6
  )
  with pytest.raises(ValueError, match="needs an embedding of 'video'"):
    Contrastive(pairs=(('image', 'video'),))(outputs, batch)
