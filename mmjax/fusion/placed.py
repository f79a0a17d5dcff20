"""Fusion of a picture with where it was taken, and with what is asked."""

import math
from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.fusion.project import project, vectors
from mmjax.fusion.spatial import Modulate
from mmjax.layers.transformer import Mlp
from mmjax.masking import full_precision, where_real
from mmjax.types import Tokens


class Placed(nn.Module):
  """A picture's tokens, each told where in the world it is, then asked.

  Each token says how far ahead and to the left what it shows is. The pose of
  the viewer turns that into a place of the world, by the rule that holds for
  all poses and need not be learned; as features of positions in 3D are added to
  those of pictures in PETR (https://arxiv.org/abs/2203.05625), but that here
  the network itself says how far away things are. What is asked then modulates
  every token (FiLM, https://arxiv.org/abs/1709.07871), as often as `depth`.

  There is no token of the fusion's own: an example without a picture has
  nothing to point to. Without a pose all is at the middle of the world.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from mmjax.layers.pooling import MeanPool
    >>> ones = lambda n, d: Tokens(jnp.ones((2, n, d)), jnp.ones((2, n), bool))
    >>> fusion = Placed(given={'audio': MeanPool()}, width=32)
    >>> tokens = {'image': ones(9, 8), 'position': ones(1, 4)}
    >>> fused, params = fusion.init_with_output(
    ...   jax.random.key(0), {**tokens, 'audio': ones(5, 16)})
    >>> fused.x.shape
    (2, 9, 34)
  """

  given: Mapping[str, nn.Module]
  """How each modality that asks becomes one vector."""
  target: str = 'image'
  """The modality whose tokens fill a square grid."""
  pose: str = 'position'
  """The modality with one token: metres east and north, sine and cosine of the
  heading, counted from east to the left."""
  width: int = 96
  """Features of a token besides its place."""
  depth: int = 2
  """How often what is asked modulates the tokens."""
  mlp_ratio: float = 2.0
  """Hidden width of each MLP, over the width."""
  scale: float = 10.0
  """Metres that count as one in the features."""

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to the tokens of `target`.

    Returns:
      Two features more than `width`: the first are metres east and north, over
      `scale`.

    Raises:
      ValueError: the tokens of `target` fill no square.
    """
    x, mask = tokens[self.target]
    x = project(self.target, where_real(x, mask), self.width)
    x = jnp.concatenate([x, _grid(x)], axis=-1)
    hidden = jax.nn.gelu(nn.Dense(self.width, name='near')(x))
    init = nn.initializers.normal(0.01)
    near = nn.Dense(2, kernel_init=init, name='ahead_and_left')(hidden)
    world = self._world(full_precision(near), tokens[self.pose])
    where = jnp.concatenate([near, world.astype(x.dtype)], axis=-1)
    where = jax.nn.gelu(nn.Dense(self.width, name='where')(where))
    x = nn.Dense(self.width, name='joined')(jnp.concatenate([x, where], -1))
    asked = vectors(self.given, tokens, self.width).x.sum(axis=1)
    size = round(self.width * self.mlp_ratio)
    for i in range(self.depth):
      y = nn.LayerNorm(name=f'norm_{i}')(x)
      y = Modulate(name=f'asked_{i}')(y, asked)
      x = x + Mlp(size, name=f'mlp_{i}')(y, train=train)
    x = nn.LayerNorm(name='norm')(x)
    return Tokens(jnp.concatenate([world.astype(x.dtype), x], -1), mask)

  def _world(
    self, near: Float[Array, 'b n 2'], pose: Tokens
  ) -> Float[Array, 'b n 2']:
    """Places of the world, over `scale`; zero without a pose."""
    x = where_real(*pose)
    sine, cosine = x[..., 2:3], x[..., 3:4]
    # The mean of several headings is shorter than one.
    length = jnp.sqrt(jnp.maximum(sine**2 + cosine**2, 1e-6))
    sine, cosine = sine / length, cosine / length
    ahead, left = near[..., :1], near[..., 1:]
    turned = jnp.concatenate(
      [cosine * ahead - sine * left, sine * ahead + cosine * left], axis=-1
    )
    return x[..., :2] / self.scale + turned


def _grid(x: Float[Array, 'b n d']) -> Float[Array, 'b n 2']:
  """Column and row of each token, -1 to 1.

  Raises:
    ValueError: they fill no square.
  """
  b, count, _ = x.shape
  side = math.isqrt(count)
  if side**2 != count:
    raise ValueError(f'{count} tokens are no grid of a square')
  place = (2 * jnp.arange(side, dtype=x.dtype) + 1) / side - 1
  row, column = jnp.meshgrid(place, place, indexing='ij')
  both = jnp.stack([column.ravel(), row.ravel()], axis=-1)
  return jnp.broadcast_to(both[None], (b, count, 2))
