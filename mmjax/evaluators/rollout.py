"""Where encoders looked: attention, followed from the tokens to the input."""

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from mmjax.types import Batch


@dataclasses.dataclass(frozen=True)
class Attention:
  """Computes where the attention of each encoder came from, on its grid.

  It tells where a Transformer *looked*, whatever it was asked; what an answer
  rests on is told by `occlusion`, which also works without attention. Encoders
  whose blocks do not attend from all tokens to all (convolutions, windows) have
  no map, and neither have those without a `grid`.

  For `predict(batch, run=Attention())`, or to be called:
  `(model, variables, batch) -> {modality: [b rows columns]}`, the share of each
  place; zeros where the example has nothing of the modality. Of sounds, rows
  are time and columns frequency, lowest first.
  """

  def __call__(
    self, model: Any, variables: Mapping[str, Any], batch: Batch
  ) -> dict[str, Float[Array, 'b rows columns']]:
    """Runs the model and looks at what its attention leaves behind."""
    outputs, left = model.apply(variables, batch, mutable=['intermediates'])
    maps = {}
    for name, tokens in outputs.get('tokens', {}).items():
      grid = _grid(model, name, batch)
      kept = left.get('intermediates', {}).get(f'encoders_{name}', {})
      layers = list(_layers(kept, tokens.mask.shape[1]))
      if grid is None or not layers:
        continue
      share = rollout(layers, tokens.mask)
      count = math.prod(grid)
      # What stands before the patches, such as a class token, has no place.
      share = share[:, share.shape[1] - count :]
      share = share / jnp.maximum(share.sum(1, keepdims=True), 1e-9)
      if _by_frequency(model, name):
        maps[name] = share.reshape(-1, *grid[::-1]).swapaxes(1, 2)
      else:
        maps[name] = share.reshape(-1, *grid)
    return maps


def rollout(
  layers: Sequence[Float[Array, 'b k n n']], mask: Bool[Array, 'b n']
) -> Float[Array, 'b n']:
  """How much of each token is in the mean of the last layer's tokens.

  Heads are averaged, the residual path counts as much as the attention, and
  layers are multiplied: Quantifying Attention Flow in Transformers
  (https://arxiv.org/abs/2005.00928), which starts from a class token; here all
  real tokens are asked, since pooling is not the encoder's business.

  Args:
    layers: weights of each layer, first to last.
    mask: which tokens are real.

  Returns:
    Shares, one together; all zero where nothing is real.
  """
  real = mask.astype(jnp.float32)
  share = real / jnp.maximum(real.sum(axis=1, keepdims=True), 1)
  for weights in reversed(layers):
    heads = weights.astype(jnp.float32).mean(axis=1)
    share = (share + jnp.einsum('bn,bnm->bm', share, heads)) / 2
  return jnp.where(mask, share, 0)


def _layers(kept: Mapping[str, Any], tokens: int) -> Iterator[Array]:
  """Weights between all tokens, by the order of the blocks."""
  flat, _ = jax.tree_util.tree_flatten_with_path(kept)
  named = [(jax.tree_util.keystr(path), leaf) for path, leaf in flat]
  for path, leaf in sorted(named, key=lambda item: _natural(item[0])):
    if "['weights']" not in path or leaf.shape[-2:] != (tokens, tokens):
      continue
    # Scanned blocks have one path, and an axis of layers.
    yield from leaf if leaf.ndim == 5 else (leaf,)


def _natural(path: str) -> list[Any]:
  """Sorts `block_10` behind `block_9`."""
  return [int(x) if x.isdigit() else x for x in re.split(r'(\d+)', path)]


def _grid(model: Any, name: str, batch: Batch) -> tuple[int, int] | None:
  encoder: Any = getattr(model, 'encoders', {}).get(name)
  if not hasattr(encoder, 'grid') or name not in ('image', 'audio'):
    return None
  shape = np.shape(batch[name])
  grid = encoder.grid(*(shape[1:3] if name == 'image' else shape[1:]))
  return grid if len(grid) == 2 else None


def _by_frequency(model: Any, name: str) -> bool:
  return getattr(model.encoders[name], 'order', 'time') == 'frequency'
