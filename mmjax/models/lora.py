"""LoRA: kernels that learn only a correction of low rank."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import traverse_util
from jaxtyping import Array, Float, PRNGKeyArray

from mmjax.models.wrapper import Wrapper
from mmjax.paths import check_patterns, first_match, require_matches
from mmjax.types import Batch, InputError

LORA = 'lora'
"""Under which the corrections stand, at the paths of their kernels."""
# Their kernels have one input axis and several of outputs: [d, k, h].
_FAN_OUT = ('query', 'key', 'value')
# A scanned stack: its kernels have an axis of layers in front.
_SCANNED = 'blocks'


class LoRA(Wrapper):
  """A model some of whose kernels are `kernel + (alpha / rank) a b`.

  For a kernel at `x/kernel` that a pattern matches there are two parameters,
  `lora/x/a` and `lora/x/b`; all others stay where they are without this. As
  `b` is zero at first, so is the correction. What does not learn is said by the
  optimiser: `Groups(only=('^lora/',))` leaves everything else as it was.

  The matrix of a kernel `[..., e]` is that of its last axis by all others, as
  those of attention's `out`, `[(k h), d]`, and of convolutions; but for
  attention's `query`, `key` and `value` it is `[d, (k h)]`. The axes are kept:
  `a` is `[inputs..., rank]` and `b` is `[rank, outputs...]`, both with an axis
  of layers in front where blocks are scanned.

  LoRA: Low-Rank Adaptation of Large Language Models
  (https://arxiv.org/abs/2106.09685).

  Example:
    `LoRA(model=Aligned(...), rank=8)`, then
    `merged = lora.merge(params)` are parameters of the model without LoRA.
  """

  model: nn.Module
  """What has the kernels."""
  kernels: tuple[str, ...] = (r'attention/(query|value)/kernel$',)
  """Patterns of paths of kernels, such as
  `encoders_text/transformer/block_0/mlp/up/kernel`."""
  rank: int = 8
  """Rank of the corrections."""
  alpha: float = 16.0
  """Factor of the corrections, times rank."""

  def __post_init__(self):
    """Checks patterns and ranges."""
    check_patterns('kernels', self.kernels)
    if not self.kernels:
      raise ValueError('kernels has no patterns')
    if self.rank < 1:
      raise ValueError(f'rank {self.rank} is below 1')
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Runs the model with its kernels corrected.

    Raises:
      InputError: a pattern matches no kernel.
    """
    if self.is_initializing():
      # The corrections' shapes are known when the kernels are there.
      outputs = self.model(batch, train=train)
      self.param(LORA, self._init, self.variables['params'])
      return outputs

    return self.through(lambda model: model(batch, train=train))

  def through(self, run: Callable[[nn.Module], dict[str, Any]]) -> Any:
    """What `run` makes of the model with its kernels corrected."""

    def merged(variables):
      return {'params': self.merge(variables['params'])}

    return nn.map_variables(run, 'params', merged)(self.model)

  def merge(self, params: Any) -> Any:
    """The parameters of the model without this, corrections added in."""
    rest = {name: x for name, x in params.items() if name != LORA}
    if LORA not in params:
      raise InputError(f'there is no {LORA!r} in these parameters')
    leaves: dict[Any, Any] = traverse_util.flatten_dict(rest)
    factors: dict[Any, Any] = traverse_util.flatten_dict(params[LORA])
    for *keys, last in factors:
      if last == 'a':
        a, b = (jnp.asarray(factors[*keys, name]) for name in ('a', 'b'))
        kernel = leaves[*keys, 'kernel']
        product = _product(a, b, stacked=_SCANNED in keys)
        added = kernel + product * (self.alpha / self.rank)
        leaves[*keys, 'kernel'] = added.astype(kernel.dtype)
    return traverse_util.unflatten_dict(leaves)

  def without(self, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The variables of the model inside, corrections added in."""
    return {**variables, 'params': self.merge(variables['params'])}

  def _init(self, key: PRNGKeyArray, params: Mapping[str, Any]) -> Any:
    """`a` and `b` of each kernel, so that their product is zero."""
    leaves: Any = traverse_util.flatten_dict(dict(params), sep='/')
    kernels = {
      name: x for name, x in leaves.items() if name.endswith('/kernel')
    }
    require_matches('kernels', self.kernels, [*kernels])
    found: dict[Any, Any] = {}
    for name, kernel in kernels.items():
      if first_match(self.kernels, name) is None:
        continue
      *keys, _ = name.split('/')
      layers, inputs, outputs = _axes(keys, kernel.shape)
      key, own = jax.random.split(key)
      scale = math.prod(inputs) ** -0.5
      a = jax.random.normal(own, (*layers, *inputs, self.rank)) * scale
      found[*keys, 'a'] = a.astype(kernel.dtype)
      b = jnp.zeros((*layers, self.rank, *outputs), kernel.dtype)
      found[*keys, 'b'] = b
    return traverse_util.unflatten_dict(found)


def _axes(keys, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
  """Sizes of a kernel's axes: of layers, of inputs, of outputs."""
  first = int(_SCANNED in keys)
  split = first + 1 if keys[-1] in _FAN_OUT else len(shape) - 1
  return shape[:first], shape[first:split], shape[split:]


def _product(
  a: Float[Array, '...'], b: Float[Array, '...'], *, stacked: bool
) -> Float[Array, '...']:
  """`a` by `b` over the rank, for each layer of a stack."""

  def product(a, b):
    return jnp.tensordot(a, b, axes=1)

  return jax.vmap(product)(a, b) if stacked else product(a, b)
