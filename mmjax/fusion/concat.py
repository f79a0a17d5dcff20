"""Fusion by concatenating one vector of each modality."""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp

from mmjax.fusion.project import one_token, project
from mmjax.layers.transformer import Mlp
from mmjax.masking import present
from mmjax.types import Tokens


class Concat(nn.Module):
  """Pools each modality, concatenates the vectors and applies an MLP.

  A learned vector stands in for a modality that an example lacks.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from mmjax.layers.pooling import MeanPool
    >>> tokens = Tokens(jnp.zeros((2, 5, 16)), jnp.ones((2, 5), bool))
    >>> fusion = Concat(pools={'image': MeanPool(), 'audio': MeanPool()})
    >>> fused, params = fusion.init_with_output(
    ...     jax.random.key(0), {'image': tokens, 'audio': tokens})
    >>> fused.x.shape
    (2, 1, 256)
  """

  pools: Mapping[str, nn.Module]
  """How each modality becomes one vector; names the modalities."""
  width: int = 256
  """Width that each modality is projected to, and of the result."""
  mlp_ratio: float = 2.0
  """Hidden width of the MLP, over the width."""
  dropout: float = 0.0
  """Probability of zeroing a hidden unit in training."""

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to one token, always real, as wide as `width`."""
    vectors = []
    for name, pool in self.pools.items():
      x = project(name, pool(tokens[name]), self.width)
      init = nn.initializers.normal(0.02)
      absent = self.param(f'{name}_absent', init, (1, self.width))
      here = present(tokens[name].mask)[:, None]
      vectors.append(jnp.where(here, x, absent.astype(x.dtype)))
    x = jnp.concatenate(vectors, axis=-1)
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    x = Mlp(
      int(self.width * self.mlp_ratio),
      out=self.width,
      dropout=self.dropout,
      name='mlp',
    )(x, train=train)
    return one_token(x)
