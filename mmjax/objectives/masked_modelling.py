"""Masked modelling: what the model says was in the places that it hid."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.types import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedPatches:
  """Error of the patches of an image or a spectrogram that were hidden.

  The mean over all hidden patches of the batch of the mean over their values:
  SimMIM (https://arxiv.org/abs/2111.09886); with `normalize` and `l2`, MAE
  (https://arxiv.org/abs/2111.06377).
  """

  modality: str = 'image'
  """Whose patches."""
  kind: Literal['l1', 'l2'] = 'l1'
  """Absolute or squared error."""
  normalize: bool = False
  """Whether each patch is shifted and scaled to mean 0 and variance 1 first, so
  that its structure counts and not its contrast."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes one term, named after the modality.

    Raises:
      ValueError: the model hides nothing of it.
    """
    del axis_name  # Each example stands alone.
    masked = _masked(outputs, self.modality)
    target = masked['target']
    if self.normalize:
      center = target - target.mean(axis=-1, keepdims=True)
      variance = (center**2).mean(axis=-1, keepdims=True)
      target = center / jnp.sqrt(variance + 1e-6)
    error = masked['prediction'] - target
    error = jnp.abs(error) if self.kind == 'l1' else error**2
    term = _over_hidden(error.mean(axis=-1), masked['weight'], batch['weight'])
    return {self.modality: term}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedText:
  """Cross-entropy of the token ids that were hidden, over all of the batch.

  BERT, section 3.1 (https://arxiv.org/abs/1810.04805).
  """

  modality: str = 'text'
  """Whose token ids."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes one term, named after the modality.

    Raises:
      ValueError: the model hides nothing of it.
    """
    del axis_name  # Each example stands alone.
    masked = _masked(outputs, self.modality)
    target = jnp.where(masked['weight'] > 0, batch[self.modality], 0)
    log_p = jax.nn.log_softmax(masked['prediction'])
    loss = -jnp.take_along_axis(log_p, target[..., None], axis=-1)[..., 0]
    return {
      self.modality: _over_hidden(loss, masked['weight'], batch['weight'])
    }


def _masked(outputs: Outputs, modality: str) -> Mapping[str, Array]:
  masked = outputs.get('masked', {})
  if modality not in masked:
    raise ValueError(
      f'the model hides nothing of {modality!r}, only of {sorted(masked)}'
    )
  return masked[modality]


def _over_hidden(
  loss: Float[Array, 'b n'],
  hidden: Float[Array, 'b n'],
  weight: Float[Array, ' b'],
) -> Term:
  """An example counts as often as something of it is hidden."""
  count = hidden.sum(axis=1)
  mean = (loss * hidden).sum(axis=1) / jnp.maximum(count, 1)
  return Term(mean, weight * count)
