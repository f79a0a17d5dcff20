"""Muon for our kernels: which of their axes make the matrix."""

import dataclasses
import re
from typing import Any

import optax
from optax.contrib import MuonDimensionNumbers, muon

from mmjax.paths import (
  check_patterns,
  first_match,
  map_named,
  named_leaves,
  require_matches,
)
from mmjax.train.optimizer import (
  MomentDtype,
  Scheduled,
  decay_weights,
  dtype_of,
)

# Kernels at the doors: what embeds raw input, and what gives logits.
_DOORS = re.compile(r'(^|/)(patches|logits)/')
_FAN_OUT = ('query', 'key', 'value')
_SCANNED = 'blocks'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Muon(Scheduled):
  """Momentum made orthogonal, for kernels; AdamW for everything else.

  Everything else is norms, biases, embeddings, and the kernels of patches and
  of heads. Updates are scaled to the size of AdamW's, so that both share one
  learning rate and one weight decay.

  Muon (https://kellerjordan.github.io/posts/muon/); Muon is Scalable for LLM
  Training (https://arxiv.org/abs/2502.16982).
  """

  momentum: float = 0.95
  """Decay of the momentum of kernels."""
  nesterov: bool = True
  """Whether both, Muon and AdamW, look ahead by one step of momentum."""
  ns_steps: int = 5
  """Newton-Schulz iterations."""
  consistent_rms: float | None = 0.2
  """Root mean square of a kernel's update; None scales it by shape alone."""
  adam: tuple[str, ...] = ()
  """Patterns of paths of more kernels that AdamW updates, such as new heads."""
  b1: float = 0.9
  """Decay of AdamW's first moment."""
  b2: float = 0.99
  """Decay of AdamW's second moment."""
  moment_dtype: MomentDtype = 'float32'
  """Precision in which momentum and first moment are kept."""
  weight_decay: float = 0.01
  """Decoupled decay of kernels and embedding tables, times learning rate."""

  def __post_init__(self):
    """Checks patterns and ranges."""
    check_patterns('adam', self.adam)
    super().__post_init__()

  def direction(self) -> list[optax.GradientTransformation]:
    """The orthogonal momentum, and towards zero."""
    return [
      muon(
        # It descends; the schedule does that here.
        learning_rate=1.0,
        ns_steps=self.ns_steps,
        beta=self.momentum,
        nesterov=self.nesterov,
        adam_b1=self.b1,
        adam_b2=self.b2,
        mu_dtype=dtype_of(self.moment_dtype),
        muon_weight_dimension_numbers=self.dimension_numbers,
        consistent_rms=self.consistent_rms,
      ),
      optax.scale(-1.0),
      decay_weights(self.weight_decay),
    ]

  def build(self, steps: int) -> optax.GradientTransformation:
    """The Optax transformation for a run of `steps`."""
    tx = super().build(steps)

    def init(params):
      # Only here are all parameters together; later Optax hides some.
      require_matches('adam', self.adam, [*named_leaves(params)])
      return tx.init(params)

    return tx._replace(init=init)

  def dimension_numbers(self, params: Any) -> Any:
    """Input and output axes of each leaf's matrix; None for AdamW's leaves.

    Kernels of scanned blocks have an axis of layers in front, which belongs to
    no matrix: each layer's is made orthogonal by itself. The heads of an
    attention kernel are outputs of one matrix (`[d, (k h)]`), as are the
    offsets of a convolution inputs (`[(h w c), d]`).
    """

    def axes(name, leaf):
      *keys, last = name.split('/')
      first = int(_SCANNED in keys)
      if (
        last != 'kernel'
        or leaf.ndim < first + 2
        or _DOORS.search(name)
        or first_match(self.adam, name)
      ):
        return None
      fan_out = bool(keys) and keys[-1] in _FAN_OUT
      inputs = 1 if fan_out else leaf.ndim - first - 1
      return MuonDimensionNumbers(
        tuple(range(first, first + inputs)),
        tuple(range(first + inputs, leaf.ndim)),
      )

    return map_named(axes, params)
