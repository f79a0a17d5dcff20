import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.text import TextTransformer
from mmjax.layers import NoPositions, Rotary, Style


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


def test_a_window_hides_what_is_long_past():
  encoder = TextTransformer(
    width=16, depth=1, heads=2, causal=True, style=Style(window=3)
  )
  seen = _changed_tokens(encoder, 3)
  np.testing.assert_array_equal(seen, np.isin(np.arange(8), [3, 4, 5]))


@pytest.mark.slow
def test_rotary_positions_tell_the_order():
  style = Style(rotary=Rotary(), head_width=6, kv_heads=1)
  encoder = TextTransformer(
    width=16, depth=1, heads=3, style=style, positions=NoPositions()
  )
  text = jnp.array([[5, 6, 7, 8], [6, 5, 7, 8]])
  mask = jnp.ones_like(text, bool)
  tokens, _ = encoder.init_with_output(jax.random.key(0), text, mask)
  # The first two are swapped: the last one sees the same set.
  assert np.abs(tokens.x[0, 3] - tokens.x[1, 3]).max() > 1e-5
