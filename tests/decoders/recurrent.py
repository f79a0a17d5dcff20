"""A tiny recurrent model that decodes, in JAX and in NumPy."""

import jax.numpy as jnp
import numpy as np

HIDDEN, VOCABULARY = 6, 7


class Recurrent:
  """Its state is all that it has read, so that a mixed-up cache shows."""

  def __init__(self, seed, *, scale=2.0):
    rng = np.random.default_rng(seed)
    self.embed = rng.normal(size=(VOCABULARY, HIDDEN))
    self.mix = rng.normal(size=(HIDDEN, HIDDEN)) * 0.5
    self.out = rng.normal(size=(HIDDEN, VOCABULARY)) * scale

  def step(self, text, mask, slots, state):
    """What `decoders.steps.Step` says."""
    del slots
    embed, mix, out = map(jnp.float32, (self.embed, self.mix, self.out))
    b = text.shape[0]
    x = jnp.zeros((b, HIDDEN))
    if state is not None:
      x = state['cache']['x'][:, 0, 0]
    for t in range(text.shape[1]):
      read = jnp.tanh(x @ mix + embed[text[:, t]])
      x = jnp.where(mask[:, t, None], read, x)
    return x @ out, {'cache': {'x': x[:, None, None]}, 'context': {}}

  def log_p(self, tokens):
    """Of each next id behind a list of ids."""
    x = np.zeros(HIDDEN)
    for token in tokens:
      x = np.tanh(x @ self.mix + self.embed[token])
    logits = x @ self.out
    logits = logits - logits.max()
    return logits - np.log(np.exp(logits).sum())
