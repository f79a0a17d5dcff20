"""Fusion by the outer product of all modalities, in low rank."""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp

from mmjax.fusion.project import one_token, vectors
from mmjax.types import Tokens


class LowRank(nn.Module):
  """`sum over ranks of the product over modalities of W_m [x_m; 1]`.

  What a linear layer on the outer product of all `[x_m; 1]` would compute, if
  its weights had that rank; the product itself is never formed. An absent
  modality is left out of the product. Low-rank Multimodal Fusion
  (https://arxiv.org/abs/1806.00064), for Tensor Fusion
  (https://arxiv.org/abs/1707.07250).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from mmjax.layers.pooling import MeanPool
    >>> tokens = Tokens(jnp.zeros((2, 5, 16)), jnp.ones((2, 5), bool))
    >>> fusion = LowRank(pools={'image': MeanPool(), 'audio': MeanPool()})
    >>> fused, params = fusion.init_with_output(
    ...     jax.random.key(0), {'image': tokens, 'audio': tokens})
    >>> fused.x.shape
    (2, 1, 256)
  """

  pools: Mapping[str, nn.Module]
  """How each modality becomes one vector; names the modalities."""
  rank: int = 4
  """Products that are summed."""
  width: int = 256
  """Width that each modality is projected to, and of the result."""

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to one token, always real; where nothing is present, constant."""
    del train
    x, mask = vectors(self.pools, tokens, self.width)
    product = jnp.ones((1, self.rank, self.width), x.dtype)
    for i, name in enumerate(self.pools):
      # Around one, so that a factor first lets the others through.
      factor = nn.DenseGeneral(
        (self.rank, self.width),
        bias_init=nn.initializers.ones,
        name=f'{name}_factor',
      )(x[:, i])
      factor = jnp.where(mask[:, i, None, None], factor, 1)
      product = product * factor
    weights = self.param(
      'ranks', nn.initializers.constant(1 / self.rank), (self.rank, 1)
    )
    x = (product * weights.astype(x.dtype)[None]).sum(axis=1)
    return one_token(x)
