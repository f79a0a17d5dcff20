import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.text import TextTransformer
from mmjax.layers.embed import ByteEmbedding
from mmjax.models import LanguageModel

ENCODER = TextTransformer(
  width=8, depth=1, heads=2, causal=True, embed=ByteEmbedding(vocabulary=20)
)
TEXT = jnp.array([[4, 5, 6, 7], [8, 9, 0, 0]])
BATCH = {'text': TEXT, 'mask': {'text': TEXT > 0}}


@pytest.mark.parametrize('head', [None, nn.Dense(20, use_bias=False)])
def test_logits_are_products_with_the_rows_of_a_table(random_params, head):
  model = LanguageModel(encoders={'text': ENCODER}, head=head)
  params = random_params(model, BATCH)
  got = model.apply({'params': params}, BATCH)
  table = params['encoders_text']['embed']['table']
  assert set(params) == {'encoders_text'} | ({'head'} if head else set())
  if head is not None:
    table = params['head']['kernel'].T
  x = np.asarray(got['tokens']['text'].x)
  want = np.einsum('btd,vd->btv', x, np.asarray(table))
  np.testing.assert_allclose(got['logits']['logits'], want, atol=1e-5)


@pytest.mark.slow
def test_a_shared_table_learns_from_both_of_its_ends(random_params):
  model = LanguageModel(encoders={'text': ENCODER})
  params = random_params(model, BATCH)

  def loss(params):
    logits = model.apply({'params': params}, BATCH)['logits']['logits']
    return -jax.nn.log_softmax(logits)[:, 0, 15].sum()

  slope = jax.grad(loss)(params)['encoders_text']['embed']['table']
  norms = np.linalg.norm(slope, axis=1)
  # 15 is only predicted, 4 is read.
  assert norms[15] > 0.1
  assert norms[4] > 0.1


def test_a_language_model_has_one_encoder_of_text():
  with pytest.raises(ValueError, match=r"are \['image'\], not \['text'\]"):
    LanguageModel(encoders={'image': ENCODER})
