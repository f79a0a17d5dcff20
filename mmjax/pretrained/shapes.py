"""The shapes of a model's variables, without tracing all of its blocks."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from mmjax.encoders.sequence import SequenceEncoder

# Axes of a modality's mask, where it is not one.
_MASKED = {'text': 2, 'audio': 2, 'video': 2}


def variable_shapes(
  model: nn.Module, inputs: Mapping[str, Any]
) -> dict[str, Any]:
  """Collection -> the shapes of its variables.

  The blocks of an encoder are alike, so only the first is traced.

  Args:
    model: any; in its `encoders`, if it has some, blocks are looked for.
    inputs: shapes of a batch, without masks.
  """
  masks = {
    name: jax.ShapeDtypeStruct(x.shape[: _MASKED.get(name, 1)], jnp.bool_)
    for name, x in inputs.items()
  }
  stacks = {
    name: encoder
    for name, encoder in getattr(model, 'encoders', {}).items()
    if isinstance(encoder, SequenceEncoder) and not encoder.scan
  }
  short = model
  if stacks:
    cut = {name: x.copy(depth=min(x.depth, 1)) for name, x in stacks.items()}
    short = model.copy(encoders={**model.encoders, **cut})  # type: ignore

  def init(batch: Any) -> Any:
    # A key that is made in here is traced, and not compiled.
    return short.init(jax.random.key(0), batch)

  # What is jitted inside would be traced on its own, once for each shape.
  with jax.disable_jit():
    shapes = dict(jax.eval_shape(init, {**inputs, 'mask': masks}))
  for variables in shapes.values():
    for name, encoder in stacks.items():
      stack = variables.get(f'encoders_{name}', {}).get('transformer', {})
      first = stack.pop('block_0', None)
      if first is not None:
        stack |= {f'block_{i}': first for i in range(encoder.depth)}
  return shapes
