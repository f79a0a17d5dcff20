import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.layers.attention import MultiHeadAttention, dot_product_attention
from mmjax.layers.long_attention import long_attention
from mmjax.layers.rotary import Rotary
from mmjax.layers.tokens_first import tokens_first_attention


def _numpy_attention(query, key, value, mask):
  """Attention Is All You Need, equation 1, a query at a time."""
  out = np.zeros(query.shape[:-1] + value.shape[-1:])
  for b, k, n in np.ndindex(*query.shape[:3]):
    real = mask[b, n]
    if not real.any():
      continue
    scores = key[b, k][real] @ query[b, k, n] / np.sqrt(query.shape[-1])
    weights = np.exp(scores - scores.max())
    out[b, k, n] = (weights / weights.sum()) @ value[b, k][real]
  return out


@pytest.mark.parametrize(
  'attend', [dot_product_attention, tokens_first_attention]
)
def test_attention_is_its_formula(attend, rng):
  query = rng.normal(size=(2, 3, 4, 8)).astype(np.float32)
  key = rng.normal(size=(2, 3, 5, 8)).astype(np.float32)
  value = rng.normal(size=(2, 3, 5, 8)).astype(np.float32)
  mask = rng.random((2, 4, 5)) < 0.6
  mask[1, 2] = False
  arrays = [jnp.asarray(x) for x in (query, key, value)]
  got = attend(*arrays, jnp.asarray(mask[:, None]))
  want = _numpy_attention(query, key, value, mask)
  np.testing.assert_allclose(got, want, atol=1e-6)
  got = attend(*arrays)
  want = _numpy_attention(query, key, value, np.ones_like(mask))
  np.testing.assert_allclose(got, want, atol=1e-6)


SHAPES = [(2, 1, 1, 5), (1, 3, 4, 5), (2, 3, 4, 5)]


@pytest.fixture
def arrays(rng):
  """Queries, keys and values."""
  query = jnp.asarray(rng.normal(size=(2, 3, 4, 8)), jnp.float32)
  key, value = jnp.asarray(rng.normal(size=(2, 2, 3, 5, 8)), jnp.float32)
  return query, key, value


@pytest.mark.parametrize('attend', [long_attention, tokens_first_attention])
@pytest.mark.parametrize('shape', SHAPES)
def test_other_ways_to_attend_have_its_gradients(attend, shape, arrays, rng):
  mask = rng.random(shape) < 0.6
  mask[:, :, 0] = False
  # Of a bias, unlike a mask, the axis of queries is always whole.
  bias = jnp.asarray(rng.normal(size=(*shape[:2], 4, 5)), jnp.float32)

  def run(attend):
    def loss(query, key, value, bias):
      out = attend(query, key, value, jnp.asarray(mask), bias)
      return (out**2).sum(), out

    slope = jax.grad(loss, argnums=(0, 1, 2, 3), has_aux=True)
    return jax.jit(slope)(*arrays, bias)

  for got, want in zip(
    jax.tree.leaves(run(attend)),
    jax.tree.leaves(run(dot_product_attention)),
    strict=True,
  ):
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_in_half_precision_both_ways_round_alike(rng):
  exact = rng.normal(size=(3, 2, 3, 64, 16))  # query, key, value
  mask = rng.random((2, 1, 1, 64)) < 0.8
  everywhere = np.broadcast_to(mask[:, 0], (2, 64, 64))
  want = _numpy_attention(*exact, everywhere)
  half = [jnp.asarray(x, jnp.bfloat16) for x in exact]

  def error(attend):
    got = attend(*half, jnp.asarray(mask))
    assert got.dtype == jnp.bfloat16
    return np.abs(np.asarray(got, np.float64) - want).mean()

  assert error(tokens_first_attention) < 1.1 * error(dot_product_attention)


def test_one_head_after_the_other_holds_no_scores_of_all(arrays, rng):
  mask = jnp.asarray(rng.random((2, 3, 4, 5)) < 0.6)
  text = jax.jit(long_attention).lower(*arrays, mask).as_text()
  assert 'while' in text
  assert '2x3x4x5' not in text.replace('2x3x4x5xi1', '')


def test_a_bias_is_added_to_the_scores(rng):
  # To a score, another feature adds the product of its query and its key.
  query, key, value = rng.normal(size=(3, 2, 3, 4, 8)).astype(np.float32)
  places = rng.normal(size=(3, 4, 4)).astype(np.float32)
  got = dot_product_attention(
    *(jnp.asarray(x) for x in (query, key, value)),
    bias=jnp.asarray(places)[None],
  )
  one_hot = np.broadcast_to(np.eye(4, dtype=np.float32), (2, 3, 4, 4))
  root = np.sqrt(8)
  wide_query = np.concatenate([query / root, np.stack([places] * 2)], axis=-1)
  wide_key = np.concatenate([key, one_hot], axis=-1)
  want = _numpy_attention(
    wide_query * np.sqrt(12), wide_key, value, np.ones((2, 4, 4), bool)
  )
  np.testing.assert_allclose(got, want, atol=1e-6)


def test_multi_head_attention_is_a_sum_over_heads(rng):
  x = rng.normal(size=(2, 4, 6)).astype(np.float32)
  context = rng.normal(size=(2, 5, 10)).astype(np.float32)
  layer = MultiHeadAttention(heads=2)
  arrays = jnp.asarray(x), jnp.asarray(context)
  params = layer.init(jax.random.key(0), *arrays)['params']
  params = jax.tree.map(
    lambda p: jnp.asarray(rng.normal(size=p.shape), jnp.float32), params
  )
  got = layer.apply({'params': params}, *arrays)
  p = jax.tree.map(np.asarray, params)
  want = np.broadcast_to(p['out']['bias'], x.shape).copy()
  for head in range(2):

    def project(name, array, head=head):
      kernel, bias = p[name]['kernel'][:, head], p[name]['bias'][head]
      return (array @ kernel + bias)[:, None]

    out = _numpy_attention(
      project('query', x),
      project('key', context),
      project('value', context),
      np.ones((2, 4, 5), bool),
    )[:, 0]
    want += out @ p['out']['kernel'][head]
  np.testing.assert_allclose(got, want, atol=2e-5)


def test_heads_must_divide_the_width():
  x = jnp.zeros((1, 2, 10))
  with pytest.raises(ValueError, match='width 10 is not divisible by heads 4'):
    MultiHeadAttention(heads=4).init(jax.random.key(0), x)


def test_grouped_queries_are_those_of_repeated_keys(rng, random_params):
  x = jnp.asarray(rng.normal(size=(2, 5, 9)), jnp.float32)
  mask = jnp.asarray(rng.random((2, 1, 5, 5)) < 0.7)
  rotary = Rotary(base=10.0)
  grouped = MultiHeadAttention(
    heads=6, kv_heads=2, head_width=4, rotary=rotary, biases=('value',)
  )
  params = random_params(grouped, x)
  assert params['key']['kernel'].shape == (9, 2, 4)
  assert params['out']['kernel'].shape == (6, 4, 9)
  assert {k for k in params if 'bias' in params[k]} == {'value'}
  p = jax.tree.map(np.asarray, params)
  places = jnp.arange(5)[None]

  def project(name, head):
    y = np.asarray(x) @ p[name]['kernel'][:, head]
    return y + p[name]['bias'][head] if name == 'value' else y

  want = np.zeros(x.shape)
  for head in range(6):
    query, key = (
      np.asarray(rotary(jnp.asarray(project(name, i))[:, None], places))
      for name, i in (('query', head), ('key', head // 3))
    )
    value = project('value', head // 3)[:, None]
    out = _numpy_attention(query, key, value, np.asarray(mask)[:, 0])[:, 0]
    want += out @ p['out']['kernel'][head]
  got = grouped.apply({'params': params}, x, mask=mask)
  np.testing.assert_allclose(got, want, atol=2e-5)


def test_kv_heads_must_divide_the_heads():
  x = jnp.zeros((1, 2, 12))
  with pytest.raises(ValueError, match='heads 6 are not divisible by kv_heads'):
    MultiHeadAttention(heads=6, kv_heads=4).init(jax.random.key(0), x)
