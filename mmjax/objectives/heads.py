"""What objectives of a head's outputs have in common."""

from collections.abc import Mapping, Sequence

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
  if head in outputs.get('unscored', {}):
    raise ValueError(
      f'the model is Unscored and gives no logits of head {head!r}: '
      'the objective needs a tile'
    )
  if head not in outputs['logits']:
    raise ValueError(
      f'no head {head!r}, the model has {sorted(outputs["logits"])}'
    )
  return outputs['logits'][head]


def pick_unscored(
  outputs: Outputs, head: str
) -> tuple[Float[Array, 'b t d'], Mapping[str, Array]]:
  """What a head's logits are products of: tokens, and the head's parameters.

  Raises:
    ValueError: the model does not give them.
  """
  found = outputs.get('unscored', {})
  if head not in found:
    raise ValueError(
      f'a tile needs a model that is Unscored and has head {head!r}, this one '
      f'has {sorted(found)} of this kind and {sorted(outputs["logits"])}'
    )
  return found[head], outputs['shared']['scorers'][head]


def real_weight(batch: Batch, needs: Sequence[str]) -> Float[Array, ' b']:
  """The examples' weights, zero for those without one of the modalities."""
  weight = batch['weight']
  for name in needs:
    # A modality of several columns is here when any of them is.
    leaves = jax.tree.leaves(batch['mask'][name])
    here = jnp.any(jnp.stack([present(mask) for mask in leaves]), axis=0)
    weight = jnp.where(here, weight, 0.0)
  return weight
