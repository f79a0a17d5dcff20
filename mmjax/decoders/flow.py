"""Flow transformer: which way a noisy picture has to go, given words."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.layers.attention import (
  Attend,
  MultiHeadAttention,
  dot_product_attention,
  require_divisible,
)
from mmjax.layers.doors import follow_kernel
from mmjax.layers.embed import LearnedPositions, PatchProjection
from mmjax.layers.transformer import Mlp
from mmjax.masking import full_precision, present, where_real
from mmjax.types import Tokens

_ZEROS = nn.initializers.zeros


class FlowTransformer(nn.Module):
  """Diffusion Transformer: from a noisy picture, a time and a context to the
  velocity of each pixel.

  Patches attend to each other and then to the context. The time shifts and
  scales the input of each branch and gates its output, and all gates are closed
  at first (adaLN-Zero). An example without context has one learned token in its
  place, the unconditional one.

  Scalable Diffusion Models with Transformers
  (https://arxiv.org/abs/2212.09748), with the cross-attention of its section
  3.2 in addition to the time's adaLN-Zero, as for words in PixArt-alpha
  (https://arxiv.org/abs/2310.00426).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> words = Tokens(jnp.zeros((2, 5, 16)), jnp.ones((2, 5), bool))
    >>> decoder = FlowTransformer(patch_size=2, width=32, depth=1, heads=2)
    >>> velocity, params = decoder.init_with_output(
    ...     jax.random.key(0), jnp.zeros((2, 8, 8, 1)), jnp.zeros(2), words)
    >>> velocity.shape
    (2, 8, 8, 1)
  """

  patch_size: int = 2
  """Side of a patch, in pixels."""
  width: int = 384
  """Features of each token."""
  depth: int = 12
  """Transformer blocks."""
  heads: int = 6
  """Attention heads; they divide the width."""
  mlp_ratio: float = 4.0
  """Hidden width of the MLP, over the width."""
  dropout: float = 0.0
  """Probability of zeroing a unit of each residual branch in training."""
  positions: nn.Module = LearnedPositions()
  """`(grid, width) -> [n d]`: LearnedPositions or SinCosPositions."""
  attend: Attend = dot_product_attention
  """Attention of `[b k n h]` arrays; pass another implementation here."""

  def __post_init__(self):
    """Checks that the heads divide the width."""
    require_divisible(self.width, self.heads)
    super().__post_init__()

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b h w c'],
    time: Float[Array, ' b'],
    context: Tokens,
    *,
    train: bool = False,
  ) -> Float[Array, 'b h w c']:
    """Predicts velocities, in full precision.

    Args:
      x: noisy pictures, of about unit variance.
      time: 0 is noise, 1 the picture.
      context: what the picture is to show; of any width.
      train: whether dropout is on.

    Raises:
      ValueError: the patches do not cover the picture exactly.
    """
    _, h, w, c = x.shape
    p = self.patch_size
    if h % p or w % p:
      raise ValueError(f'image {h}x{w} is not divisible by patch_size {p}')
    y = rearrange(x, 'b (h p) (w q) c -> b (h w) (p q c)', p=p, q=p)
    y = PatchProjection(self.width, name='patches')(y)
    y = y + self.positions((h // p, w // p), self.width).astype(y.dtype)[None]
    context = self._or_nothing(context, y.dtype)
    moment = self._moment(time)
    for i in range(self.depth):
      block = FlowBlock(
        heads=self.heads,
        mlp_ratio=self.mlp_ratio,
        dropout=self.dropout,
        attend=self.attend,
        name=f'block_{i}',
      )
      y = block(y, moment, context, train=train)
    shift, scale = _modulation(moment, 2, self.width)
    y = _modulated(_norm('norm')(y), shift, scale)
    y = nn.Dense(p * p * c, kernel_init=_ZEROS, name='velocity')(y)
    return rearrange(
      full_precision(y),
      'b (h w) (p q c) -> b (h p) (w q) c',
      h=h // p,
      p=p,
      q=p,
    )

  def _or_nothing(self, context: Tokens, dtype) -> Tokens:
    """The context, or the unconditional token where there is none."""
    x = where_real(context.x, context.mask).astype(dtype)
    shape = (1, 1, x.shape[-1])
    token = self.param('unconditional', nn.initializers.normal(1.0), shape)
    first = jnp.broadcast_to(token.astype(dtype), (len(x), *shape[1:]))
    alone = ~present(context.mask)[:, None]
    return Tokens(
      jnp.concatenate([first, x], axis=1),
      jnp.concatenate([alone, context.mask], axis=1),
    )

  def _moment(self, time: Float[Array, ' b']) -> Float[Array, 'b d']:
    """What the blocks get to know of the time."""
    half = self.width // 2
    rates = 1000 * 10_000.0 ** -(np.arange(half) / half)
    angles = full_precision(time)[:, None] * jnp.asarray(rates)[None]
    waves = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    y = nn.Dense(self.width, promote_dtype=follow_kernel, name='time')(waves)
    return jax.nn.silu(nn.Dense(self.width, name='moment')(jax.nn.silu(y)))


class FlowBlock(nn.Module):
  """Self-attention, cross-attention and an MLP, each under the time's rule."""

  heads: int
  mlp_ratio: float = 4.0
  dropout: float = 0.0
  attend: Attend = dot_product_attention

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b n d'],
    moment: Float[Array, 'b d'],
    context: Tokens,
    *,
    train: bool = False,
  ) -> Float[Array, 'b n d']:
    """Runs the block; see `FlowTransformer` for the fields."""
    width = x.shape[-1]
    said: Bool[Array, 'b 1 1 m'] = context.mask[:, None, None, :]

    def attention(name):
      return MultiHeadAttention(self.heads, self.attend, name=name)

    branches = {
      'self': attention('self_attention'),
      'cross': lambda y: attention('cross_attention')(y, context.x, mask=said),
      'mlp': lambda y: Mlp(
        round(width * self.mlp_ratio), dropout=self.dropout, name='mlp'
      )(y, train=train),
    }
    parts = iter(_modulation(moment, 3 * len(branches), width))
    for name, branch in branches.items():
      shift, scale, gate = next(parts), next(parts), next(parts)
      y = branch(_modulated(_norm(f'{name}_norm')(x), shift, scale))
      x = x + gate * nn.Dropout(self.dropout, deterministic=not train)(y)
    return x


def _norm(name: str) -> nn.LayerNorm:
  # What follows from the time stands in for its own scale and bias.
  return nn.LayerNorm(use_scale=False, use_bias=False, name=name)


def _modulation(moment: Array, count: int, width: int) -> list[Array]:
  """So many vectors for each example, all zero at first."""
  y = nn.Dense(count * width, kernel_init=_ZEROS, name='modulation')(moment)
  return jnp.split(y[:, None], count, axis=-1)


def _modulated(x: Array, shift: Array, scale: Array) -> Array:
  return x * (1 + scale) + shift
