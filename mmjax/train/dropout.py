"""Dropout whose masks belong to the examples, wherever they are computed."""

from typing import Any

import flax.linen as nn
import jax
from jaxtyping import Array, Int


def by_example(index: Int[Array, ' b']) -> Any:
  """Context in which each row's dropout follows from its example's index.

  A layer draws one key as always, and folds in the index of each example. So
  neither the number of devices, nor that of micro-batches, nor the place of a
  row in the batch changes what is dropped. Inputs whose first axis is not that
  of the batch are dropped as they would be without this.

  Args:
    index: of each example of the batch that the model is applied to.
  """

  def intercept(call, args, kwargs, context):
    module = context.module
    if not isinstance(module, nn.Dropout) or context.method_name != '__call__':
      return call(*args, **kwargs)
    x = args[0]
    silent = nn.merge_param(
      'deterministic', module.deterministic, kwargs.get('deterministic')
    )
    if silent or not module.rate or x.shape[0] != index.shape[0]:
      return call(*args, **kwargs)
    key = module.make_rng(module.rng_collection)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, index)

    def drop(row, key):
      return call(row[None], rng=key)[0]

    return jax.vmap(drop)(x, keys)

  return nn.intercept_methods(intercept)
