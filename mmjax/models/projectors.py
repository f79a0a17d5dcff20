"""From an encoder's tokens to tokens that a language model reads."""

from collections.abc import Callable

import flax.linen as nn
import jax
from jaxtyping import Array

from mmjax.fusion.perceiver import Perceiver
from mmjax.masking import present, where_real
from mmjax.types import Tokens


class LinearProjector(nn.Module):
  """A dense layer, as in LLaVA (https://arxiv.org/abs/2304.08485)."""

  width: int
  """That of the language model."""

  @nn.compact
  def __call__(self, tokens: Tokens, *, train: bool = False) -> Tokens:
    """As many tokens as there were."""
    del train
    dense = nn.Dense(self.width, name='dense')
    return Tokens(dense(where_real(*tokens)), tokens.mask)


class MlpProjector(nn.Module):
  """Two dense layers, as in LLaVA-1.5 (https://arxiv.org/abs/2310.03744)."""

  width: int
  """That of the language model."""
  hidden: int | None = None
  """Width between the layers; that of the language model if None."""
  activation: Callable[[Array], Array] = jax.nn.gelu
  """Nonlinearity between the layers."""

  @nn.compact
  def __call__(self, tokens: Tokens, *, train: bool = False) -> Tokens:
    """As many tokens as there were."""
    del train
    x = nn.Dense(self.hidden or self.width, name='up')(where_real(*tokens))
    x = nn.Dense(self.width, name='down')(self.activation(x))
    return Tokens(x, tokens.mask)


class Resampler(nn.Module):
  """A few latents that read the tokens: always the same number.

  The resampler of Flamingo (https://arxiv.org/abs/2204.14198): for sounds and
  videos of any length, and where a language model should read little.
  """

  width: int
  """That of the language model."""
  tokens: int = 16
  """Tokens of the result."""
  depth: int = 2
  """Times that the latents read, and then look at each other."""
  heads: int = 4
  """Attention heads; they divide the width."""
  dropout: float = 0.0
  """Probability of zeroing a unit in training."""

  @nn.compact
  def __call__(self, tokens: Tokens, *, train: bool = False) -> Tokens:
    """The latents, real where anything is."""
    read = Perceiver(
      modalities=('tokens',),
      width=self.width,
      latents=self.tokens,
      depth=self.depth,
      heads=self.heads,
      dropout=self.dropout,
      name='perceiver',
    )
    x, real = read({'tokens': tokens}, train=train)
    return Tokens(x, real & present(tokens.mask)[:, None])
