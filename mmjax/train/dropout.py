"""Randomness in a model that belongs to the examples, wherever they are."""

from typing import Any

import flax.linen as nn
import jax
from jaxtyping import Array, Int


def by_example(index: Int[Array, ' b']) -> Any:
  """Context in which each row's dropout follows from its example's index.

  A layer draws one key as always, and folds in the index of each example. So
  neither the number of devices, nor that of micro-batches, nor the place of a
  row in the batch changes what is dropped. Inputs whose first axis is not that
  of the batch are dropped as they would be without this. A module with
  `draws_by_example`, such as `SpecAugment`, is given `index` and does the same.

  Args:
    index: of each example of the batch that the model is applied to.
  """

  def intercept(call, args, kwargs, context):
    module = context.module
    if context.method_name != '__call__':
      return call(*args, **kwargs)
    if getattr(module, 'draws_by_example', False):
      own = args[0].shape[0] == index.shape[0]
      return call(*args, **{'index': index if own else None, **kwargs})
    if not isinstance(module, nn.Dropout):
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
