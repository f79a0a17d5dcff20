"""How modalities of different widths come into one; for every fusion's door.

The functions make layers of the module in whose compact method they are called.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mmjax.masking import present, where_real
from mmjax.types import Tokens


def project(
  name: str, x: Float[Array, '*b d'], width: int
) -> Float[Array, '*b w']:
  """A norm and a dense layer, named after the modality."""
  x = nn.LayerNorm(name=f'{name}_norm')(x)
  return nn.Dense(width, name=f'{name}_projection')(x)


def vectors(
  pools: Mapping[str, nn.Module], tokens: Mapping[str, Tokens], width: int
) -> Tokens:
  """One vector of each modality, in the order of `pools`.

  Returns:
    `[b m width]`, zero where an example lacks the modality, and the mask.
  """
  x = jnp.stack(
    [project(n, pool(tokens[n]), width) for n, pool in pools.items()], axis=1
  )
  mask = jnp.stack([present(tokens[name].mask) for name in pools], axis=1)
  return Tokens(where_real(x, mask), mask)


def streams(
  module: nn.Module,
  modalities: tuple[str, ...],
  tokens: Mapping[str, Tokens],
  width: int,
) -> dict[str, Tokens]:
  """Each modality's tokens, with a learned vector that tells the modality."""
  init = nn.initializers.normal(0.02)
  found = {}
  for name in modalities:
    x = project(name, tokens[name].x, width)
    kind = module.param(f'{name}_embedding', init, (1, 1, width))
    found[name] = Tokens(x + kind.astype(x.dtype), tokens[name].mask)
  return found


def own_tokens(
  module: nn.Module, like: Float[Array, 'b n d'], count: int = 1
) -> Tokens:
  """Learned tokens of the fusion itself, real in every example."""
  init = nn.initializers.normal(0.02)
  b, _, width = like.shape
  x = module.param('token', init, (1, count, width)).astype(like.dtype)
  x = jnp.broadcast_to(x, (b, count, width))
  return Tokens(x, jnp.ones((b, count), bool))


def join(*parts: Tokens) -> Tokens:
  """The tokens one after the other."""
  return Tokens(
    jnp.concatenate([part.x for part in parts], axis=1),
    jnp.concatenate([part.mask for part in parts], axis=1),
  )


def one_token(x: Float[Array, 'b d']) -> Tokens:
  """A vector of each example as its one token, always real."""
  return Tokens(x[:, None], jnp.ones((len(x), 1), bool))


def seen(mask: Bool[Array, 'b m']) -> Bool[Array, 'b 1 1 m']:
  """The mask of attention in which all ask for the real ones."""
  return mask[:, None, None, :]
