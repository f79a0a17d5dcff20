import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from mmjax.models.heads import TokenHead
from mmjax.objectives.ctc import Ctc, labels
from mmjax.types import Tokens

FRAMES, VOCABULARY = 5, 7


def collapse(path):
  return [k for k, _ in itertools.groupby(path) if k != 0]


def minus_log_p(logits, text):
  """Adds up all alignments, one by one."""
  log_p = log_softmax(logits.astype(float), axis=-1)
  paths = itertools.product(range(logits.shape[1]), repeat=len(logits))
  found = [
    sum(log_p[i, k] for i, k in enumerate(path))
    for path in paths
    if collapse(path) == list(text)
  ]
  return -logsumexp(found)


def outputs(x, mask):
  """What a head makes of logits that it leaves as they are."""
  head = TokenHead(classes=VOCABULARY, blank=0)
  params = {'logits': {'kernel': jnp.eye(VOCABULARY), 'bias': jnp.zeros(7)}}
  tokens = Tokens(jnp.asarray(x), jnp.asarray(mask))
  logits = head.apply({'params': params}, tokens)
  return {'logits': {'transcript': logits}}


@pytest.fixture
def case(rng):
  # begin = 1 and end = 2 are no labels; the fourth does not fit.
  texts = [[4, 5], [4, 4], [6], [5, 5, 5, 4], []]
  ids, real = np.zeros((5, 6), int), np.zeros((5, 6), bool)
  for row, text in enumerate(texts):
    row_ids = [1, *text, 2]
    ids[row, : len(row_ids)] = row_ids
    real[row, : len(row_ids)] = True
  frames = np.arange(FRAMES)[None] < np.array([5, 4, 3, 5, 5])[:, None]
  logits = rng.normal(size=(5, FRAMES, VOCABULARY)).astype(np.float32)
  batch = {
    'text': jnp.asarray(ids),
    'mask': {'text': jnp.asarray(real)},
    'weight': jnp.array([1.0, 2.0, 0.0, 1.0, 1.0]),
  }
  return texts, frames, logits, batch


def test_the_loss_is_that_of_all_alignments(case):
  texts, frames, logits, batch = case
  term = jax.jit(Ctc())(outputs(logits, frames), batch)['transcript']
  for row in range(3):
    want = minus_log_p(logits[row, frames[row]], texts[row]) / len(texts[row])
    np.testing.assert_allclose(term.loss[row], want, rtol=1e-5)
  np.testing.assert_array_equal(term.weight, [2.0, 4.0, 0.0, 0.0, 0.0])
  assert term.loss[3] == 0


def test_masked_frames_and_ids_do_not_matter(case):
  _, frames, logits, batch = case

  @jax.jit
  @jax.value_and_grad
  def total(logits, ids):
    there = {**batch, 'text': ids}
    term = Ctc()(outputs(logits, frames), there)['transcript']
    return (term.loss * term.weight).sum()

  dirty = np.where(frames[..., None], logits, np.nan)
  ids = jnp.where(batch['mask']['text'], batch['text'], 5)
  want, got = total(logits, batch['text']), total(dirty, ids)
  np.testing.assert_array_equal(got[0], want[0])
  np.testing.assert_array_equal(got[1], want[1])
  assert np.isfinite(got[0])
  assert np.abs(got[1]).max() > 0
  assert not np.asarray(got[1])[~frames].any()


def test_labels_stand_on_the_left():
  ids = jnp.array([[1, 5, 3, 6, 2, 9]])
  mask = jnp.array([[True, True, True, True, True, False]])
  found, real = labels(ids, mask, first_id=4)
  np.testing.assert_array_equal(found, [[5, 6, 0, 0, 0, 0]])
  np.testing.assert_array_equal(real, [[1, 1, 0, 0, 0, 0]])


def test_an_unknown_head_is_named(case):
  _, frames, logits, batch = case
  with pytest.raises(ValueError, match="no head 'words'"):
    Ctc(head='words')(outputs(logits, frames), batch)
