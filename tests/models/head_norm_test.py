import jax
import jax.numpy as jnp
import numpy as np

from mmjax.models.heads import Head
from mmjax.types import Tokens


def test_without_its_norm_a_head_is_one_linear_layer(rng, random_params):
  x = rng.normal(size=(3, 2, 5)).astype(np.float32)
  tokens = Tokens(jnp.asarray(x), jnp.ones((3, 2), bool))
  head = Head(classes=4, norm=False)
  params = random_params(head, tokens)
  assert params.keys() == {'logits'}
  p = jax.tree.map(np.asarray, params['logits'])
  got = head.apply({'params': params}, tokens)
  want = x[:, 0] @ p['kernel'] + p['bias']
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
