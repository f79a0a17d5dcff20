"""Heads: from tokens to the numbers a task wants."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.layers.pooling import FirstToken
from mmjax.masking import full_precision, where_real
from mmjax.types import Tokens

_IMPOSSIBLE = -1e9


class Head(nn.Module):
  """A norm and a linear layer, or an MLP, on the pooled tokens."""

  classes: int
  """Number of outputs."""
  pool: nn.Module = FirstToken()
  """How the tokens become one vector; the fusion's own token by default."""
  hidden: int = 0
  """Width of a hidden layer before the last one; 0 for none."""
  dropout: float = 0.0
  """Probability of zeroing a feature in training."""
  norm: bool = True
  """Whether a LayerNorm stands in front of the linear layer."""
  use_bias: bool = True
  """Whether the last linear layer has a bias."""

  @nn.compact
  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b classes']:
    """Computes logits, in full precision."""
    x = self.pool(tokens)
    if self.norm:
      x = nn.LayerNorm(name='norm')(x)
    if self.hidden:
      x = jax.nn.gelu(nn.Dense(self.hidden, name='hidden')(x))
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    # Near zero, so that training starts from the uniform distribution.
    init = nn.initializers.normal(0.01)
    x = nn.Dense(
      self.classes, use_bias=self.use_bias, kernel_init=init, name='logits'
    )(x)
    return full_precision(x)


class TokenHead(nn.Module):
  """A linear layer on each token: as for CTC."""

  classes: int
  """Number of outputs."""
  dropout: float = 0.0
  """Probability of zeroing a feature in training."""
  blank: int | None = None
  """Output that a masked token gives for sure: CTC's blank, which says nothing.
  If None, what a masked token gives has no meaning."""

  @nn.compact
  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b n classes']:
    """Computes logits, in full precision."""
    x = tokens.x if self.blank is None else where_real(*tokens)
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    init = nn.initializers.normal(0.01)
    x = nn.Dense(self.classes, kernel_init=init, name='logits')(x)
    x = full_precision(x)
    if self.blank is None:
      return x
    sure = jnp.where(jnp.arange(self.classes) == self.blank, 0.0, _IMPOSSIBLE)
    return jnp.where(
      tokens.mask[..., None], x, sure[None, None].astype(x.dtype)
    )


class LastTokens(nn.Module):
  """One number of each of the last tokens: as for what comes on each day.

  For a fusion that keeps its tokens apart, such as `SingleStream`: the last
  ones are those of the modality that it names last.
  """

  count: int
  """How many tokens."""
  hidden: int = 0
  """Width of a hidden layer before the last one; 0 for none."""

  @nn.compact
  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b count']:
    """Computes the numbers, in full precision.

    Raises:
      ValueError: there are fewer tokens.
    """
    del train
    x = tokens.x
    if x.shape[1] < self.count:
      raise ValueError(f'{x.shape[1]} tokens are fewer than {self.count}')
    x = nn.LayerNorm(name='norm')(x[:, -self.count :])
    if self.hidden:
      x = jax.nn.gelu(nn.Dense(self.hidden, name='hidden')(x))
    init = nn.initializers.normal(0.01)
    return full_precision(
      nn.Dense(1, kernel_init=init, name='logits')(x)[..., 0]
    )


class Pooled(nn.Module):
  """The pooled tokens themselves."""

  pool: nn.Module = FirstToken()
  """How the tokens become one vector."""

  @nn.compact
  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b d']:
    """Pools, in full precision."""
    del train
    return full_precision(self.pool(tokens))


class Decided(nn.Module):
  """What a decision-level fusion has decided: `fusion.Decision`."""

  token: int = 0
  """0 for the common decision, then each modality's in their order."""

  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b classes']:
    """Takes log-probabilities as logits."""
    del train
    return full_precision(tokens.x[:, self.token])


class OrdinalHead(nn.Module):
  """One score against rising thresholds: for ranks rather than classes.

  The proportional-odds model, McCullagh 1980
  (https://doi.org/10.1111/j.2517-6161.1980.tb01109.x).
  """

  ranks: int
  """Number of ranks; there is a threshold less."""
  pool: nn.Module = FirstToken()
  """How the tokens become one vector; the fusion's own token by default."""
  dropout: float = 0.0
  """Probability of zeroing a feature in training."""

  def __post_init__(self):
    """Checks the number of ranks."""
    if self.ranks < 2:
      raise ValueError(f'ranks {self.ranks} is below 2')
    super().__post_init__()

  @nn.compact
  def __call__(
    self, tokens: Tokens, *, train: bool = False
  ) -> Float[Array, 'b thresholds']:
    """Computes the logit of being above each threshold; they fall."""
    score = Head(classes=1, pool=self.pool, dropout=self.dropout, name='score')(
      tokens, train=train
    )
    gaps = self.ranks - 1
    # About one apart at first, around a score of zero.
    first = self.param(
      'lowest', nn.initializers.constant(1 - self.ranks / 2), (1,)
    )
    rise = self.param('rise', nn.initializers.constant(0.54), (gaps - 1,))
    steps = jnp.concatenate([first, jax.nn.softplus(rise)])
    return score - full_precision(jnp.cumsum(steps))[None]
