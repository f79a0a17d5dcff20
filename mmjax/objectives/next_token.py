"""Language modelling: each token from those before it."""

import dataclasses

import jax.numpy as jnp

from mmjax.collectives import Axis
from mmjax.masking import where_real
from mmjax.objectives import cross_entropy
from mmjax.objectives.heads import pick_head, pick_unscored, real_weight
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
  z_loss: float = 0.0
  """Factor of the squared logarithm of the sum of the logits' exponentials: it
  keeps logits from drifting (PaLM, section 5, https://arxiv.org/abs/2204.02311).
  """
  tile: int | None = None
  """Side of the tiles, tokens by words, that logits are computed in, and again
  for the gradient: memory for one of them at a time, at the price of a third
  more products. It needs a model that is `Unscored`; None needs all logits."""

  def __post_init__(self):
    """Checks the ranges."""
    if not 0 <= self.label_smoothing <= 1:
      raise ValueError(f'label_smoothing {self.label_smoothing} not in [0, 1]')
    if self.z_loss < 0:
      raise ValueError(f'z_loss {self.z_loss} is below 0')
    if self.tile is not None and self.tile < 1:
      raise ValueError(f'tile {self.tile} is below 1')

  @property
  def by_device(self) -> bool:
    """Whether it runs on each device's rows: tiles are of one device."""
    return self.tile is not None

  def __call__(
    self, outputs: Outputs, batch: Batch, *, axis_name: Axis = None
  ) -> dict[str, Term]:
    """Computes one term, named after the target: the mean over an example's
    tokens, which weighs as much as there are.

    Raises:
      ValueError: the model has no such head, or has it otherwise.
    """
    del axis_name  # Each example stands alone.
    real = batch['mask'][self.target]
    # Behind the last one is nothing.
    counts = jnp.pad(real[:, 1:] & real[:, :-1], ((0, 0), (0, 1)))
    if self.only is not None:
      counts = counts & (jnp.roll(batch[self.only], -1, axis=1) > 0)
    target = where_real(jnp.roll(batch[self.target], -1, axis=1), counts)
    smooth = self.label_smoothing
    if self.tile is None:
      logits = pick_head(outputs, self.head)
      said = cross_entropy.of_logits(logits, target, smoothing=smooth)
    else:
      x, layer = pick_unscored(outputs, self.head)
      x, layer = where_real(x, counts), cross_entropy.scorer(layer)
      said = cross_entropy.in_tiles(
        x, layer, target, tile=self.tile, smoothing=smooth
      )
    loss = said.total - said.target
    if self.z_loss:
      loss = loss + self.z_loss * said.total**2
    loss = where_real(loss, counts)
    count = counts.sum(axis=1).astype(loss.dtype)
    weight = real_weight(batch, self.needs) * count
    return {self.target: Term(loss.sum(axis=1) / jnp.maximum(count, 1), weight)}
