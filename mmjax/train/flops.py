"""Floating-point operations of a function, counted from its jaxpr.

XLA's own count takes the body of a loop once, however often it runs. Here a
scan counts as often as it is long. Only products and convolutions count, as is
usual for MFU (https://arxiv.org/abs/2204.02311): a multiplication and an
addition are two. What is recomputed in the backward pass counts as often as it
is computed.
"""

import math
from typing import Any

import jax
from jax.extend import core


def count_flops(jaxpr: core.ClosedJaxpr | core.Jaxpr) -> int:
  """FLOPs of a jaxpr, as from `jax.make_jaxpr(f)(*args)`.

  Of a conditional the costliest branch counts, of a `while` loop, whose length
  is not known, one turn. What `shard_map` runs counts once for each device.

  >>> a, b = jax.numpy.ones((3, 4)), jax.numpy.ones((4, 5))
  >>> count_flops(jax.make_jaxpr(jax.numpy.dot)(a, b))
  120
  """
  inner: Any = getattr(jaxpr, 'jaxpr', jaxpr)
  return sum(_of_equation(equation) for equation in inner.eqns)


def _of_equation(equation: core.JaxprEqn) -> int:
  name, params = equation.primitive.name, equation.params
  if name in ('dot_general', 'ragged_dot'):
    return _product(equation)
  if name == 'conv_general_dilated':
    return _convolution(equation)
  if name == 'cond':
    return max(count_flops(branch) for branch in params['branches'])
  inside = sum(count_flops(one) for one in _jaxprs(params))
  if name == 'scan':
    return params['length'] * inside
  if name == 'shard_map':
    return _devices(params) * inside
  return inside


def _product(equation: core.JaxprEqn) -> int:
  """Twice the size of the result times the length of what is summed over."""
  left = _shape(equation.invars[0])
  numbers = equation.params.get('dimension_numbers')
  if numbers is None:
    numbers = equation.params['ragged_dot_dimension_numbers']
    numbers = numbers.dot_dimension_numbers
  (contracted, _), _ = numbers
  summed = math.prod(left[axis] for axis in contracted)
  return 2 * math.prod(_shape(equation.outvars[0])) * summed


def _convolution(equation: core.JaxprEqn) -> int:
  """As a product, each result over its window and the channels it sees."""
  kernel = _shape(equation.invars[1])
  numbers = equation.params['dimension_numbers']
  out_axis, in_axis, *window = numbers.rhs_spec
  del out_axis
  # The kernel's channels are those of one group already.
  summed = kernel[in_axis] * math.prod(kernel[axis] for axis in window)
  # Zeros that dilation puts between values are not multiplied.
  spread = math.prod(equation.params['lhs_dilation'])
  summed //= max(1, spread)
  return 2 * math.prod(_shape(equation.outvars[0])) * summed


def _shape(variable: Any) -> tuple[int, ...]:
  return variable.aval.shape


def _devices(params: dict[str, Any]) -> int:
  sizes = dict(params['mesh'].shape)
  manual = params.get('manual_axes') or sizes
  return math.prod(sizes[axis] for axis in manual)


def _jaxprs(params: dict[str, Any]) -> list[Any]:
  """The functions that an equation calls, wherever its parameters hold them."""
  return [
    leaf
    for leaf in jax.tree.leaves(
      list(params.values()), is_leaf=lambda x: hasattr(x, 'eqns')
    )
    if hasattr(leaf, 'eqns')
  ]
