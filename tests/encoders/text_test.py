import jax
import jax.numpy as jnp
import numpy as np

from mmjax.encoders.text import TextTransformer


def _changed_tokens(encoder, changed):
  """Which output tokens notice that the input's token `changed` is another."""
  text = jnp.arange(10, 18)[None]
  mask = jnp.ones_like(text, bool)
  base, variables = encoder.init_with_output(jax.random.key(0), text, mask)
  other = encoder.apply(variables, text.at[0, changed].set(99), mask)
  return np.abs(np.asarray(other.x - base.x)).max(axis=-1)[0] > 1e-6


def test_a_causal_token_sees_nothing_that_follows():
  small = {'width': 16, 'depth': 2, 'heads': 2}
  seen = _changed_tokens(TextTransformer(causal=True, **small), 3)
  np.testing.assert_array_equal(seen, np.arange(8) >= 3)
  seen = _changed_tokens(TextTransformer(**small), 3)
  assert seen.all()


def test_what_follows_the_end_of_text_is_padding():
  encoder = TextTransformer(width=16, depth=2, heads=2, end_of_text=2)
  text = jnp.array([[1, 50, 2, 60, 2], [1, 50, 51, 52, 53]])
  mask = jnp.ones_like(text, bool)
  tokens, variables = encoder.init_with_output(jax.random.key(0), text, mask)
  np.testing.assert_array_equal(
    tokens.mask, [[True, True, True, False, False], [True] * 5]
  )
  other = encoder.apply(variables, text.at[0, 3].set(99), mask)
  np.testing.assert_array_equal(other.x[0, :3], tokens.x[0, :3])
