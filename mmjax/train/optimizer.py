"""Optimisers and schedules, composed from Optax."""

import dataclasses
from typing import Any

import jax
import optax

# What is multiplied; everything else (norms, biases, tokens) does not decay.
_DECAYED = ('kernel', 'table', 'embedding')


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdamW:
  """AdamW behind gradient clipping, with warm-up and cosine decay.

  Decoupled Weight Decay Regularization (https://arxiv.org/abs/1711.05101).
  """

  peak_lr: float = 1e-3
  """Learning rate at the end of the warm-up."""
  end_lr: float = 0.0
  """Learning rate at the last step."""
  warmup: float = 0.05
  """Share of all steps in which the rate rises from zero."""
  b1: float = 0.9
  """Decay of the first moment."""
  b2: float = 0.99
  """Decay of the second moment."""
  weight_decay: float = 0.01
  """Decoupled decay of kernels and embedding tables, times learning rate."""
  clip_norm: float = 1.0
  """Largest norm of the whole gradient."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    if self.peak_lr <= 0:
      raise ValueError(f'peak_lr {self.peak_lr} is not positive')
    if not 0 <= self.warmup < 1:
      raise ValueError(f'warmup {self.warmup} is not a share in [0, 1)')

  def schedule(self, steps: int) -> optax.Schedule:
    """Learning rate as a function of the step, over a run of `steps`."""
    return optax.warmup_cosine_decay_schedule(
      init_value=0.0,
      peak_value=self.peak_lr,
      warmup_steps=max(1, round(self.warmup * steps)),
      decay_steps=max(2, steps),
      end_value=self.end_lr,
    )

  def build(self, steps: int) -> optax.GradientTransformation:
    """The Optax transformation for a run of `steps`."""
    return optax.chain(
      optax.clip_by_global_norm(self.clip_norm),
      optax.adamw(
        self.schedule(steps),
        b1=self.b1,
        b2=self.b2,
        weight_decay=self.weight_decay,
        mask=decayed,
      ),
    )


def decayed(params: Any) -> Any:
  """True for the leaves that weight decay applies to, by their name."""
  return jax.tree_util.tree_map_with_path(
    lambda path, _: path[-1].key in _DECAYED, params
  )
