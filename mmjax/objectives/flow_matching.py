"""Flow matching: the velocity from noise to a picture, predicted."""

import dataclasses

import jax
from jaxtyping import Array, Float

from mmjax.types import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class FlowMatching:
  """Squared error of the predicted velocity, a mean over each picture.

  Flow Matching for Generative Modeling, equation 14
  (https://arxiv.org/abs/2210.02747), along straight lines.
  """

  modality: str = 'image'
  """What is drawn."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes one term, named after the modality.

    Raises:
      ValueError: the model draws nothing of it.
    """
    del axis_name  # Each example stands alone.
    flows = outputs.get('flow', {})
    if self.modality not in flows:
      raise ValueError(
        f'the model draws no {self.modality!r}, only {sorted(flows)}'
      )
    flow = flows[self.modality]
    target = jax.lax.stop_gradient(flow['target'])
    error: Float[Array, 'b ...'] = (flow['prediction'] - target) ** 2
    loss = error.reshape(len(error), -1).mean(axis=1)
    return {self.modality: Term(loss, batch['weight'] * flow['weight'])}
