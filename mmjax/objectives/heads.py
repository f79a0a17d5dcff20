"""What objectives of a head's outputs have in common."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.masking import present
from mmjax.types import Batch, Outputs


def pick_head(outputs: Outputs, head: str) -> Float[Array, 'b *n classes']:
  """The logits of a head, of each example or of each of its tokens.

  Raises:
    ValueError: the model has no such head.
  """
  if head not in outputs['logits']:
    raise ValueError(
      f'no head {head!r}, the model has {sorted(outputs["logits"])}'
    )
  return outputs['logits'][head]


def real_weight(batch: Batch, needs: Sequence[str]) -> Float[Array, ' b']:
  """The examples' weights, zero for those without one of the modalities."""
  weight = batch['weight']
  for name in needs:
    # A modality of several columns is here when any of them is.
    leaves = jax.tree.leaves(batch['mask'][name])
    here = jnp.any(jnp.stack([present(mask) for mask in leaves]), axis=0)
    weight = jnp.where(here, weight, 0.0)
  return weight
