"""Optimisers, composed from Optax; `mmjax.train.muon` has one more.

All of them clip the gradient, find a direction, subtract weight decay and walk
at the rate of the schedule, in this order; `Groups` then has the last word.
"""

import dataclasses
from typing import Any, Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import optax

from mmjax.train.groups import Groups
from mmjax.train.schedules import Cosine, with_warmup

# What is multiplied; everything else (norms, biases, tokens) does not decay.
# By name and not by rank, because the biases of scanned blocks are matrices.
_DECAYED = ('kernel', 'table', 'embedding')

MomentDtype = Literal['float32', 'bfloat16']


@runtime_checkable
class Optimizer(Protocol):
  """What training asks of an optimiser; `steps` are those of the whole run."""

  def schedule(self, steps: int) -> optax.Schedule:
    """Learning rate as a function of the step."""
    ...

  def build(self, steps: int) -> optax.GradientTransformation:
    """The Optax transformation."""
    ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scheduled:
  """What all optimisers have: a schedule, clipping and groups."""

  peak_lr: float = 1e-3
  """Learning rate at the end of the warm-up."""
  end_lr: float = 0.0
  """Learning rate at the last step."""
  warmup: float = 0.05
  """Share of all steps in which the rate rises from zero."""
  decay: Any = Cosine()
  """From the peak to the end: Cosine, Linear, Rsqrt or Constant."""
  clip_norm: float | None = 1.0
  """Largest norm of the whole gradient; None does not clip."""
  groups: Groups = Groups()
  """Parameters that learn at a rate of their own, or not at all."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    if self.peak_lr <= 0:
      raise ValueError(f'peak_lr {self.peak_lr} is not positive')
    if not 0 <= self.warmup < 1:
      raise ValueError(f'warmup {self.warmup} is not a share in [0, 1)')
    if self.clip_norm is not None and self.clip_norm <= 0:
      raise ValueError(f'clip_norm {self.clip_norm} is not positive')

  def schedule(self, steps: int) -> optax.Schedule:
    """Learning rate as a function of the step, over a run of `steps`."""
    return with_warmup(
      self.decay,
      steps,
      warmup=self.warmup,
      peak=self.peak_lr,
      end=self.end_lr,
    )

  def direction(self) -> list[optax.GradientTransformation]:
    """What turns a clipped gradient into what the rate multiplies."""
    raise NotImplementedError

  def build(self, steps: int) -> optax.GradientTransformation:
    """The Optax transformation for a run of `steps`."""
    clip = optax.identity()
    if self.clip_norm is not None:
      clip = optax.clip_by_global_norm(self.clip_norm)
    walk = optax.scale_by_learning_rate(self.schedule(steps))
    return self.groups.apply(
      optax.chain(clip, optax.chain(*self.direction(), walk))
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adam(Scheduled):
  """Adam (https://arxiv.org/abs/1412.6980)."""

  b1: float = 0.9
  """Decay of the first moment."""
  b2: float = 0.99
  """Decay of the second moment."""
  eps: float = 1e-8
  """Added to the root of the second moment."""
  moment_dtype: MomentDtype = 'float32'
  """Precision in which the first moment is kept."""

  def direction(self) -> list[optax.GradientTransformation]:
    """The first moment over the root of the second."""
    return [
      optax.scale_by_adam(
        self.b1, self.b2, self.eps, mu_dtype=dtype_of(self.moment_dtype)
      )
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
  """Adam with decoupled weight decay.

  Decoupled Weight Decay Regularization (https://arxiv.org/abs/1711.05101).
  """

  weight_decay: float = 0.01
  """Decoupled decay of kernels and embedding tables, times learning rate."""

  def direction(self) -> list[optax.GradientTransformation]:
    """Adam's direction, and towards zero."""
    return [*super().direction(), decay_weights(self.weight_decay)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lion(Scheduled):
  """The sign of the momentum: half of Adam's memory.

  It wants about a tenth of AdamW's learning rate and ten times its weight
  decay. Symbolic Discovery of Optimization Algorithms
  (https://arxiv.org/abs/2302.06675).
  """

  peak_lr: float = 1e-4
  """Learning rate at the end of the warm-up."""
  b1: float = 0.9
  """Weight of the momentum beside the gradient, in the sign."""
  b2: float = 0.99
  """Decay of the momentum."""
  moment_dtype: MomentDtype = 'float32'
  """Precision in which the momentum is kept."""
  weight_decay: float = 0.1
  """Decoupled decay of kernels and embedding tables, times learning rate."""

  def direction(self) -> list[optax.GradientTransformation]:
    """The sign, and towards zero."""
    return [
      optax.scale_by_lion(
        self.b1, self.b2, mu_dtype=dtype_of(self.moment_dtype)
      ),
      decay_weights(self.weight_decay),
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adafactor(Scheduled):
  """Adam with the second moment of a matrix kept as its rows and columns.

  Scanned blocks are factored layer by layer, but the root mean squares of
  update and parameters are taken over all layers of a leaf.

  Adafactor (https://arxiv.org/abs/1804.04235).
  """

  decay_rate: float = 0.8
  """The second moment's decay at step t is 1 - t ** -decay_rate."""
  momentum: float | None = None
  """Decay of the first moment; None keeps none."""
  moment_dtype: MomentDtype = 'float32'
  """Precision in which the first moment is kept."""
  clipping_threshold: float | None = 1.0
  """Largest root mean square of a leaf's update; None does not clip."""
  multiply_by_parameter_scale: bool = True
  """Whether the rate is relative to the root mean square of a leaf."""
  min_dim_size_to_factor: int = 128
  """Leaves without two axes of that size keep their second moment whole."""
  weight_decay: float = 0.0
  """Decoupled decay of kernels and embedding tables, times learning rate."""

  def direction(self) -> list[optax.GradientTransformation]:
    """The gradient over the root of the factored moment; towards zero."""
    return [
      # It descends when left without a rate; the rate does that here.
      optax.adafactor(
        learning_rate=None,
        decay_rate=self.decay_rate,
        momentum=self.momentum,
        dtype_momentum=jnp.dtype(self.moment_dtype),
        clipping_threshold=self.clipping_threshold,
        multiply_by_parameter_scale=self.multiply_by_parameter_scale,
        min_dim_size_to_factor=self.min_dim_size_to_factor,
      ),
      optax.scale(-1.0),
      decay_weights(self.weight_decay),
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SGD(Scheduled):
  """Stochastic gradient descent with momentum.

  On the importance of initialization and momentum in deep learning
  (https://proceedings.mlr.press/v28/sutskever13.html).
  """

  peak_lr: float = 0.1
  """Learning rate at the end of the warm-up."""
  momentum: float = 0.9
  """Decay of the sum of gradients; 0 keeps none."""
  nesterov: bool = False
  """Whether to look ahead by one step of momentum."""
  moment_dtype: MomentDtype = 'float32'
  """Precision in which the sum is kept."""
  weight_decay: float = 0.0
  """Decoupled decay of kernels and embedding tables, times learning rate."""

  def direction(self) -> list[optax.GradientTransformation]:
    """The sum of gradients, and towards zero."""
    trace = optax.identity()
    if self.momentum:
      trace = optax.trace(
        self.momentum,
        nesterov=self.nesterov,
        accumulator_dtype=dtype_of(self.moment_dtype),
      )
    return [trace, decay_weights(self.weight_decay)]


def decay_weights(rate: float) -> optax.GradientTransformation:
  """Adds `rate` times the parameter, where weight decay applies."""
  return optax.add_decayed_weights(rate, mask=decayed)


def decayed(params: Any) -> Any:
  """True for the leaves that weight decay applies to, by their name."""
  return jax.tree_util.tree_map_with_path(
    lambda path, _: path[-1].key in _DECAYED, params
  )


def dtype_of(name: MomentDtype) -> Any:
  """Optax's argument for a moment: None follows the parameters, float32."""
  return None if name == 'float32' else jnp.dtype(name)
