"""Language modelling: each token from those before it."""

import dataclasses

import jax
import jax.numpy as jnp

from mmjax.objectives.heads import pick_head, real_weight
from mmjax.types import Batch, Outputs, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class NextToken:
  """Cross-entropy of the token behind each, over all real ones of the batch.

  The first real token of a text is given, not predicted; a text begins with a
  token that says so.
  """

  head: str = 'logits'
  """Which of the model's logits, `[b t vocabulary]`."""
  target: str = 'text'
  """Batch key of the token ids."""
  only: str | None = None
  """Batch key of which tokens count, `[b t]`, such as those of an answer; all
  if None."""
  label_smoothing: float = 0.0
  """Share of the target that is spread over the vocabulary."""
  needs: tuple[str, ...] = ()
  """Modalities without which an example does not count."""
  weight: float = 1.0
  """Factor of this objective in the total."""

  def __post_init__(self):
    """Checks the range of the smoothing."""
    if not 0 <= self.label_smoothing <= 1:
      raise ValueError(f'label_smoothing {self.label_smoothing} not in [0, 1]')

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: str | None = None
  ) -> dict[str, Term]:
    """Computes one term, named after the target: the mean over an example's
    tokens, which weighs as much as there are.

    Raises:
      ValueError: the model has no such head.
    """
    del axis_name  # Each example stands alone.
    logits = pick_head(outputs, self.head)[:, :-1]
    real = batch['mask'][self.target]
    counts = real[:, 1:] & real[:, :-1]
    if self.only is not None:
      counts = counts & (batch[self.only][:, 1:] > 0)
    target = jnp.where(counts, batch[self.target][:, 1:], 0)
    log_p = jax.nn.log_softmax(logits)
    told = jnp.take_along_axis(log_p, target[..., None], axis=-1)[..., 0]
    smooth = self.label_smoothing
    loss = -(1 - smooth) * told - smooth * log_p.mean(axis=-1)
    loss = jnp.where(counts, loss, 0.0)
    count = counts.sum(axis=1).astype(log_p.dtype)
    weight = real_weight(batch, self.needs) * count
    return {self.target: Term(loss.sum(axis=1) / jnp.maximum(count, 1), weight)}
