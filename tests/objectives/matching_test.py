import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.layers.pooling import MeanPool
from mmjax.models.aligned import Aligned, Alignment
from mmjax.models.matched import Matched
from mmjax.objectives.matching import Matching

OBJECTIVE = Matching(pair=('image', 'text'))
SAME = Matching(pair=('image', 'text'), same='group')
B = 6
# Eager operations would be compiled one by one.
RUN = {o: jax.jit(o) for o in (OBJECTIVE, SAME)}


def _inputs(rng, b=B):
  def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)

  outputs = {
    'embeddings': {n: unit(rng.normal(size=(b, 4))) for n in ('image', 'text')},
    'matching': {
      'image': rng.normal(size=(b, 5)),
      'text': rng.normal(size=(b, 5)),
      'draw': rng.random((b, 2)),
    },
    'shared': {
      'logit_scale': np.array(3.0),
      'matching': {'kernel': rng.normal(size=(5, 1)), 'bias': np.array([0.3])},
    },
  }
  batch = {
    'weight': np.ones(b),
    'index': np.arange(20, 20 + b),
    'group': np.array([0, 0, 1, 2, 2, 2])[np.arange(b) % 6],
    'mask': {'image': np.arange(b) != 1, 'text': np.ones((b, 3), bool)},
  }

  def single(x):
    return x.astype(np.float32) if x.dtype.kind == 'f' else x.astype(np.int32)

  masks = batch.pop('mask')
  outputs, batch = jax.tree.map(single, (outputs, batch))
  return jax.tree.map(jnp.asarray, (outputs, {**batch, 'mask': masks}))


def _numpy(outputs, batch, same):
  """The loss by loops, with negatives from `Generator.choice`'s method."""
  outputs = jax.tree.map(lambda x: np.asarray(x, np.float64), outputs)
  batch = jax.tree.map(np.asarray, batch)
  head = outputs['shared']['matching']

  def score(i, j):
    x = outputs['matching']['image'][i] + outputs['matching']['text'][j]
    gelu = x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return (gelu @ head['kernel'])[0] + head['bias'][0]

  def nll(score, match):
    return -np.log(scipy.special.expit(score if match else -score))

  similar = 3 * outputs['embeddings']['image'] @ outputs['embeddings']['text'].T
  losses = {}
  for i in range(len(batch['index'])):
    others = [
      j
      for j in range(len(batch['index']))
      if j != i
      and batch['mask']['image'][[i, j]].all()
      and not (same and batch['group'][i] == batch['group'][j])
    ]
    if not others:
      continue

    def draw(logits, u, others=others):
      p = scipy.special.softmax(logits[others])
      return others[np.searchsorted(np.cumsum(p), u, side='right')]

    text = draw(similar[i], outputs['matching']['draw'][i, 0])
    image = draw(similar[:, i], outputs['matching']['draw'][i, 1])
    losses[i] = np.mean(
      [nll(score(i, i), 1), nll(score(i, text), 0), nll(score(image, i), 0)]
    )
  return losses


@pytest.mark.parametrize('objective', [OBJECTIVE, SAME])
def test_loss_is_that_of_the_pair_and_two_drawn_negatives(rng, objective):
  for _ in range(5):
    outputs, batch = _inputs(rng)
    term = RUN[objective](outputs, batch)['image_text']
    want = _numpy(outputs, batch, objective.same)
    for i in range(B):
      assert (term.weight[i] > 0) == (i in want)
      if i in want:
        np.testing.assert_allclose(term.loss[i], want[i], rtol=1e-4)


def test_negatives_are_drawn_by_their_similarity(rng):
  b, n = 6, 3000
  outputs, batch = _inputs(rng, b)
  # Each text scores what it is; so the loss tells which one was drawn.
  score = outputs['shared']['matching']
  score['kernel'] = jnp.ones((5, 1))
  text = np.tile(10 * np.arange(b, dtype=np.float32)[:, None], (1, 5))
  sides = {'text': text, 'image': np.zeros_like(text)}
  outputs['matching'] |= jax.tree.map(jnp.asarray, sides)
  draws = rng.random((n, b, 2)).astype(np.float32)

  @jax.jit
  @jax.vmap
  def losses(draw):
    matching = {**outputs['matching'], 'draw': draw}
    return OBJECTIVE({**outputs, 'matching': matching}, batch)[
      'image_text'
    ].loss

  row = 3
  # softplus(50 j + 0.3) of the drawn text j, with the other two terms around.
  drawn = np.rint(np.asarray(losses(draws))[:, row] * 3 / 50)
  own = 3  # of the drawn image: its text is this row's own
  counts = np.bincount((drawn - own).astype(int), minlength=b)
  image, text = (np.asarray(outputs['embeddings'][n]) for n in OBJECTIVE.pair)
  similar = 3 * image @ text.T
  allowed = np.array([0, 2, 4, 5])
  p = scipy.special.softmax(similar[row, allowed].astype(np.float64))
  assert counts[[1, 3]].sum() == 0
  assert scipy.stats.chisquare(counts[allowed], p * n).pvalue > 1e-3


def test_over_mapped_devices_negatives_come_from_all_of_them(rng):
  outputs, batch = _inputs(rng, b=12)
  shared = outputs.pop('shared')
  want = RUN[SAME]({**outputs, 'shared': shared}, batch)['image_text']
  split = jax.tree.map(
    lambda x: x.reshape(4, 3, *x.shape[1:]), (outputs, batch)
  )

  def mapped(outputs, batch):
    return SAME({**outputs, 'shared': shared}, batch, axis_name='devices')

  got = jax.jit(jax.vmap(mapped, axis_name='devices'))(*split)['image_text']
  np.testing.assert_allclose(got.loss.ravel(), want.loss, rtol=1e-5)
  np.testing.assert_array_equal(got.weight.ravel(), want.weight)


def test_the_choice_has_no_gradient(rng):
  outputs, batch = _inputs(rng)

  def loss(embeddings, matching):
    new = {**outputs, 'embeddings': embeddings, 'matching': matching}
    return OBJECTIVE(new, batch)['image_text'].loss.sum()

  chosen, scored = jax.jit(jax.grad(loss, argnums=(0, 1)))(
    outputs['embeddings'], outputs['matching']
  )
  assert not any(np.asarray(x).any() for x in jax.tree.leaves(chosen))
  assert np.abs(scored['image']).max() > 0


def test_without_the_parts_it_is_an_error(rng):
  outputs, batch = _inputs(rng)
  with pytest.raises(ValueError, match="no embeddings of 'image'"):
    OBJECTIVE({**outputs, 'embeddings': {}}, batch)
  with pytest.raises(ValueError, match="no matching of 'audio'"):
    Matching(pair=('audio', 'text'))(outputs, batch)


def test_the_model_scores_pairs_and_draws_by_example(rng, random_params):
  small = {'width': 8, 'depth': 0, 'heads': 2}
  pools = {'image': MeanPool(), 'text': MeanPool()}
  inner = Aligned(
    encoders={
      'image': ViT(patch_size=4, **small),
      'text': TextTransformer(**small),
    },
    alignment=Alignment(pools=pools, width=6),
  )
  model = Matched(model=inner, pools=pools, hidden=5)
  batch = {
    'image': jnp.asarray(rng.random((4, 8, 8, 3)), jnp.float32),
    'text': jnp.asarray(rng.integers(4, 260, (4, 5)), jnp.int32),
    'mask': {
      'image': jnp.array([True, True, False, True]),
      'text': jnp.ones((4, 5), bool),
    },
    'weight': jnp.ones(4),
    'index': jnp.array([3, 9, 4, 7]),
  }
  params = random_params(model, batch)
  added = {'image', 'text', 'kernel', 'bias'}
  assert set(params) == {
    *random_params(inner, batch),
    *(f'matching_{name}' for name in added),
  }

  @jax.jit
  def run(batch):
    rngs = {'masking': jax.random.key(0)}
    outputs = model.apply({'params': params}, batch, train=True, rngs=rngs)
    return outputs, OBJECTIVE(outputs, batch)['image_text']

  outputs, term = run(batch)
  assert outputs['matching']['image'].shape == (4, 5)
  np.testing.assert_array_equal(term.weight, [1, 1, 0, 1])
  draw = np.asarray(outputs['matching']['draw'])
  assert len(np.unique(draw)) == draw.size
  order = np.array([2, 3, 1, 0])
  again, _ = run(jax.tree.map(lambda x: x[order], batch))
  np.testing.assert_array_equal(again['matching']['draw'], draw[order])
  nan = batch['image'].at[2].set(jnp.nan)
  _, same = run({**batch, 'image': nan})
  np.testing.assert_array_equal(same.loss, term.loss)
  with pytest.raises(ValueError, match=r"\['image'\] are not of two"):
    Matched(model=inner, pools={'image': MeanPool()})
