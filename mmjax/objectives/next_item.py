"""Recommendation: the next item of a history, among those of the batch."""

import dataclasses

import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array

from mmjax.collectives import Axis, device, gather
from mmjax.masking import where_real
from mmjax.types import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class NextItem:
  """Cross-entropy of each item, given those before it, over sampled items.

  The sample is what the other users of the global batch have seen, in which an
  item stands as often as it is popular. The logarithm of its popularity is
  subtracted from its logit, so that what is learned are the scores of a softmax
  over all items: Sampling-Bias-Corrected Neural Modeling
  (https://doi.org/10.1145/3298689.3346996). The first item of a history is
  given, not predicted.
  """

  item: str = 'item'
  """Batch key of the items' numbers, `[b n]`, and of their mask."""
  popularity: str = 'log_popularity'
  """Batch key of the logarithm of each item's popularity, `[b n]`."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: Axis = None
  ) -> dict[str, Term]:
    """Computes one term, `next`: the mean over a history, which weighs as much
    as it has items that are predicted.
    """
    users = outputs['embeddings']['user']
    items = outputs['embeddings']['item']
    scale = outputs['shared']['logit_scale']
    number, real = batch[self.item], batch['mask'][self.item]
    real = real & (batch['weight'] > 0)[:, None]
    often = where_real(batch[self.popularity], real)
    rows = len(number)
    first = device(axis_name) * rows
    user = jnp.broadcast_to((first + jnp.arange(rows))[:, None], number.shape)

    def everyone(x: Array) -> Array:
      return gather(rearrange(x, 'b n ... -> (b n) ...'), axis_name)

    sample, theirs = everyone(items), everyone(user)
    logits = scale * jnp.einsum('b n d, m d -> b n m', users[:, :-1], sample)
    logits = logits - everyone(often)[None, None]
    # What the user has seen is no negative, nor is the same item elsewhere.
    other = number[:, 1:, None] != everyone(number)[None, None]
    other &= user[:, 1:, None] != theirs[None, None]
    other &= everyone(real)[None, None]
    logits = jnp.where(other, logits, -jnp.inf)
    own = scale * (users[:, :-1] * items[:, 1:]).sum(-1) - often[:, 1:]
    every = jnp.concatenate([own[..., None], logits], axis=-1)
    counts = real[:, 1:] & real[:, :-1]
    loss = where_real(jax.nn.logsumexp(every, axis=-1) - own, counts)
    count = counts.sum(axis=1).astype(loss.dtype)
    mean = loss.sum(axis=1) / jnp.maximum(count, 1)
    return {'next': Term(mean, batch['weight'] * count)}
