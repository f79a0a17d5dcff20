"""The next item, against the loss written as loops."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from mmjax.objectives.next_item import NextItem

B, N, D = 4, 5, 3
LOSS = jax.jit(NextItem())


def case(rng):
  def unit():
    x = rng.normal(size=(B, N, D))
    return x / np.linalg.norm(x, axis=-1, keepdims=True)

  lengths = np.array([5, 3, 1, 4])
  outputs = {
    'embeddings': {'user': unit(), 'item': unit()},
    'shared': {'logit_scale': np.float32(6.0)},
  }
  batch = {
    'item': rng.integers(8, size=(B, N)),
    'log_popularity': np.log(rng.uniform(0.01, 0.3, size=(B, N))),
    'mask': {'item': np.arange(N)[None] < lengths[:, None]},
    'weight': np.array([1.0, 0.5, 1.0, 1.0], np.float32),
  }
  return as_arrays(outputs), as_arrays(batch)


def as_arrays(tree):
  single = {np.dtype(float): jnp.float32, np.dtype(int): jnp.int32}

  def one(x):
    return jnp.asarray(x, single.get(x.dtype, x.dtype))

  return jax.tree.map(one, tree)


def by_loops(outputs, batch):
  users, items = (
    np.asarray(outputs['embeddings'][k], np.float64) for k in ('user', 'item')
  )
  number, often = np.asarray(batch['item']), np.asarray(batch['log_popularity'])
  real = np.asarray(batch['mask']['item'])
  real = real & (np.asarray(batch['weight']) > 0)[:, None]
  losses, counts = np.zeros(B), np.zeros(B)
  for b in range(B):
    for t in range(N - 1):
      if not (real[b, t] and real[b, t + 1]):
        continue
      own = 6.0 * users[b, t] @ items[b, t + 1] - often[b, t + 1]
      logits = [own]
      for other in range(B):
        for place in range(N):
          same = number[other, place] == number[b, t + 1]
          if other != b and real[other, place] and not same:
            logits.append(
              6.0 * users[b, t] @ items[other, place] - often[other, place]
            )
      losses[b] += scipy.special.logsumexp(logits) - own
      counts[b] += 1
  return losses / np.maximum(counts, 1), counts


def test_loss_is_that_of_the_definition(rng):
  outputs, batch = case(rng)
  term = LOSS(outputs, batch)['next']
  loss, counts = by_loops(outputs, batch)
  assert counts.tolist() == [4, 2, 0, 3]
  np.testing.assert_allclose(term.loss, loss, rtol=1e-5)
  np.testing.assert_allclose(term.weight, counts * np.asarray(batch['weight']))


def test_what_fills_up_the_batch_is_no_negative(rng):
  outputs, batch = case(rng)
  batch['weight'] = batch['weight'].at[3].set(0.0)
  term = LOSS(outputs, batch)['next']
  loss, _ = by_loops(outputs, batch)
  np.testing.assert_allclose(term.loss[:3], loss[:3], rtol=1e-5)
  assert float(term.weight[3]) == 0


def test_what_is_masked_changes_neither_loss_nor_gradient(rng):
  outputs, batch = case(rng)
  real = batch['mask']['item']

  def total(embeddings, batch):
    term = NextItem()({**outputs, 'embeddings': embeddings}, batch)['next']
    return (term.loss * term.weight).sum()

  run = jax.jit(jax.value_and_grad(total))
  want, slope = run(outputs['embeddings'], batch)
  for value in (0.0, 1e4, np.nan):
    other = {
      **batch,
      'item': jnp.where(real, batch['item'], 3),
      'log_popularity': jnp.where(real, batch['log_popularity'], value),
    }
    filled = {
      # The model gives zeros there.
      k: jnp.where(real[..., None], x, 0.0)
      for k, x in outputs['embeddings'].items()
    }
    loss, found = run(filled, other)
    np.testing.assert_allclose(loss, want, rtol=1e-6)
    for name in found:
      np.testing.assert_allclose(
        np.where(real[..., None], found[name], 0),
        np.where(real[..., None], slope[name], 0),
        atol=1e-6,
      )


def test_popular_negatives_cost_less(rng):
  """With all items in the sample, as often as they are popular, the loss is
  nearly that of a softmax over all of them."""
  items = rng.normal(size=(6, D))
  items /= np.linalg.norm(items, axis=1, keepdims=True)
  share = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
  user = rng.normal(size=D)
  user /= np.linalg.norm(user)
  drawn = rng.choice(6, size=(400, 2), p=share)
  outputs = {
    'embeddings': {
      'user': np.broadcast_to(user, (400, 2, D)),
      'item': items[drawn],
    },
    'shared': {'logit_scale': np.float32(3.0)},
  }
  batch = {
    'item': drawn,
    # In a sample of 800 an item stands so often.
    'log_popularity': np.log(800 * share)[drawn],
    'mask': {'item': np.ones((400, 2), bool)},
    'weight': np.ones(400, np.float32),
  }
  term = LOSS(as_arrays(outputs), as_arrays(batch))['next']
  logits = 3.0 * items @ user
  want = scipy.special.logsumexp(logits) - logits
  for item in range(6):
    # Its own logit alone is over its popularity; that is a constant.
    own = np.asarray(term.loss)[drawn[:, 1] == item]
    loss = np.log(np.expm1(own)) - np.log(800 * share[item])
    rest = np.log(np.expm1(want[item]))
    np.testing.assert_allclose(loss.mean(), rest, atol=0.15)


def test_several_devices_find_what_one_finds(rng):
  outputs, batch = case(rng)
  want = LOSS(outputs, batch)['next']

  def one_device(embeddings, batch):
    found = {**outputs, 'embeddings': embeddings}
    return NextItem()(found, batch, axis_name='d')['next']

  halves = jax.tree.map(
    lambda x: x.reshape(2, 2, *x.shape[1:]), (outputs['embeddings'], batch)
  )
  term = jax.jit(jax.vmap(one_device, axis_name='d'))(*halves)
  np.testing.assert_allclose(term.loss.reshape(-1), want.loss, rtol=1e-5)
  np.testing.assert_allclose(term.weight.reshape(-1), want.weight)
