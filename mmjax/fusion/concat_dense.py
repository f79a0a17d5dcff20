"""Fusion by one dense layer over the modalities' vectors, side by side."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from mmjax.fusion.project import one_token
from mmjax.masking import present, where_real
from mmjax.types import Tokens


class ConcatDense(nn.Module):
  """Computes `relu(W [x_1; x_2; ...] + b)`, the fusion of textbooks.

  The vector of a modality that an example lacks is zero, so that it adds
  nothing. `Concat` does more: norms, projections, a learned stand-in, an MLP.

  Multimodal Machine Learning: A Survey and Taxonomy, section 6
  (https://arxiv.org/abs/1705.09406).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from mmjax.layers.pooling import MeanPool
    >>> tokens = Tokens(jnp.zeros((2, 5, 16)), jnp.ones((2, 5), bool))
    >>> fusion = ConcatDense(pools={'image': MeanPool(), 'audio': MeanPool()})
    >>> fused, params = fusion.init_with_output(
    ...     jax.random.key(0), {'image': tokens, 'audio': tokens})
    >>> fused.x.shape
    (2, 1, 64)
  """

  pools: Mapping[str, nn.Module]
  """How each modality becomes one vector; names the modalities."""
  width: int = 64
  """Units of the dense layer."""
  dropout: float = 0.0
  """Probability of zeroing a unit behind the rectifier in training."""

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to one token, always real, as wide as `width`."""
    vectors = [
      where_real(pool(tokens[name]), present(tokens[name].mask))
      for name, pool in self.pools.items()
    ]
    x = jnp.concatenate(vectors, axis=-1)
    x = jax.nn.relu(nn.Dense(self.width, name='dense')(x))
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    return one_token(x)
