import jax
import jax.numpy as jnp
import numpy as np

from mmjax.encoders.text import TextTransformer
from mmjax.layers.bert import BertEmbedding, NoPositions
from mmjax.layers.embed import ByteEmbedding, LearnedPositions

EMBED = BertEmbedding(
  embed=ByteEmbedding(vocabulary=20),
  positions=LearnedPositions(length=8),
  separator=9,
)
TEXT = np.array([[1, 4, 9, 5, 9, 6], [1, 2, 3, 4, 5, 6]])
SEGMENTS = np.array([[0, 0, 0, 1, 1, 1], [0] * 6])


def _embed(params):
  def run(params, text):
    return EMBED.apply({'params': params}, text, 6)

  return jax.jit(run)(params, jnp.asarray(TEXT))


def test_word_position_and_segment_are_summed_and_normalised(
  random_params,
):
  params = random_params(EMBED, jnp.asarray(TEXT), width=6)
  got = _embed(params)
  params = jax.tree.map(np.asarray, params)
  x = params['embed']['table'][TEXT]
  x = x + params['positions']['table'][:6]
  x = x + params['segment_table'][SEGMENTS]
  x = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
  want = x * params['norm']['scale'] + params['norm']['bias']
  np.testing.assert_allclose(got, want, atol=1e-4)


def test_segments_are_what_separators_part():
  got = EMBED.segments_of(jnp.asarray(TEXT))
  np.testing.assert_array_equal(got, SEGMENTS)
  one = BertEmbedding().segments_of(jnp.asarray(TEXT))
  np.testing.assert_array_equal(one, 0)


def test_dropout_follows_in_the_encoder_and_no_other_positions(
  random_params,
):
  encoder = TextTransformer(
    embed=EMBED,
    positions=NoPositions(),
    width=6,
    depth=0,
    heads=2,
    dropout=0.5,
  )
  text, mask = jnp.asarray(TEXT), jnp.ones(TEXT.shape, bool)
  params = random_params(encoder, text, mask)
  params['transformer']['norm'] = {'scale': jnp.ones(6), 'bias': jnp.zeros(6)}
  params['embed']['norm'] = params['transformer']['norm']
  assert 'positions' not in params
  plain = _embed(params['embed'])
  # The encoder's last norm leaves a normalised vector as it is.
  tokens = jax.jit(encoder.apply)({'params': params}, text, mask)
  np.testing.assert_allclose(tokens.x, plain, atol=1e-3)

  @jax.jit
  def train(params):
    return encoder.apply(
      {'params': params},
      text,
      mask,
      train=True,
      rngs={'dropout': jax.random.key(1)},
      capture_intermediates=lambda module, _: module.name == 'Dropout_0',
    )

  _, kept = train(params)
  dropped = kept['intermediates']['Dropout_0']['__call__'][0]
  gone = np.asarray(dropped) == 0
  assert 0.2 < gone.mean() < 0.8
  np.testing.assert_allclose(dropped[~gone], 2 * plain[~gone], atol=1e-5)
