"""Late fusion: several heads' answers to one question, averaged."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def vote(
  logits: Sequence[Float[Array, 'b classes']],
  present: Sequence[Bool[Array, ' b']],
) -> Float[Array, 'b classes']:
  """Averages the log-probabilities of the voters that are present.

  Each expert is trained on its own, so that none hides behind another; the
  geometric mean of what they say is a Product of Experts
  (https://doi.org/10.1162/089976602760128018) with equal weights.

  Args:
    logits: those of each voter.
    present: whether the voter has anything to go by; the others don't count.

  Returns:
    Log-probabilities up to a constant; zeros where no voter is present.
  """
  here = jnp.stack(present)[..., None]
  votes = jnp.stack([jax.nn.log_softmax(x) for x in logits])
  return jnp.where(here, votes, 0).sum(0) / jnp.maximum(here.sum(0), 1)
