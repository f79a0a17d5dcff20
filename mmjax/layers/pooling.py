"""From a sequence of tokens to one vector: `Tokens -> [b d]`.

An example with no real token gives a finite vector that means nothing: whoever
pools looks at the mask.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from mmjax.layers.attention import MultiHeadAttention
from mmjax.layers.style import Style
from mmjax.layers.transformer import Mlp
from mmjax.masking import full_precision, masked_mean, where_real
from mmjax.types import Tokens


class MeanPool(nn.Module):
  """The mean of the real tokens."""

  skip: int = 0
  """Tokens at the start that don't count, such as a class token."""

  def __call__(self, tokens: Tokens) -> Float[Array, 'b d']:
    """Averages; zero where nothing is real."""
    return masked_mean(tokens.x[:, self.skip :], tokens.mask[:, self.skip :])


class Flatten(nn.Module):
  """All tokens side by side, so that what follows knows which is where.

  For encoders whose number of tokens is always the same.
  """

  def __call__(self, tokens: Tokens) -> Float[Array, 'b nd']:
    """Concatenates; zero in place of what is not real."""
    x = where_real(*tokens)
    return x.reshape(len(x), -1)


class FirstToken(nn.Module):
  """The first token: a class token, or the fusion's own."""

  def __call__(self, tokens: Tokens) -> Float[Array, 'b d']:
    """Takes token 0."""
    return tokens.x[:, 0]


class NthToken(nn.Module):
  """One token by its place."""

  index: int
  """Its place, from 0."""

  def __call__(self, tokens: Tokens) -> Float[Array, 'b d']:
    """Takes the token."""
    return tokens.x[:, self.index]


class FirstTokens(nn.Module):
  """The mean of the first tokens, real or not.

  Of a class token and a distillation token, as in AST and DeiT.
  """

  count: int = 2
  """How many."""

  def __call__(self, tokens: Tokens) -> Float[Array, 'b d']:
    """Averages them."""
    return tokens.x[:, : self.count].mean(axis=1)


class LastToken(nn.Module):
  """The last real token: in text, the end-of-text token if there is one."""

  def __call__(self, tokens: Tokens) -> Float[Array, 'b d']:
    """Takes the last token that is real, token 0 where none is."""
    n = tokens.mask.shape[1]
    last = jnp.max(jnp.where(tokens.mask, jnp.arange(n)[None], 0), axis=1)
    return jnp.take_along_axis(tokens.x, last[:, None, None], axis=1)[:, 0]


class AttentionPool(nn.Module):
  """A learned query attends to the real tokens; an MLP follows.

  The `MAP` head of Scaling Vision Transformers
  (https://arxiv.org/abs/2106.04560), as in SigLIP.
  """

  heads: int = 4
  """Attention heads; they divide the width."""
  mlp_ratio: float = 4.0
  """Hidden width of the MLP, over the width."""
  style: Style = Style()
  """Norm, nonlinearity and biases."""

  @nn.compact
  def __call__(self, tokens: Tokens) -> Float[Array, 'b d']:
    """Computes `y + mlp(norm(y))` of the attention's result `y`."""
    b, _, d = tokens.x.shape
    probe = self.param('probe', nn.initializers.xavier_uniform(), (1, 1, d))
    probe = jnp.broadcast_to(probe, (b, 1, d)).astype(tokens.x.dtype)
    x = MultiHeadAttention(
      self.heads, self.style.attend, self.style.biases, name='attention'
    )(probe, tokens.x, mask=tokens.mask[:, None, None, :])
    norm: Any = self.style.norm.copy(name='norm')
    mlp = Mlp(
      round(d * self.mlp_ratio), activation=self.style.activation, name='mlp'
    )
    return (x + mlp(norm(x)))[:, 0]


class SideBySide(nn.Module):
  """Several poolings of the same tokens, one behind the other in one vector."""

  pools: tuple[nn.Module, ...]
  """Each is `Tokens -> [b d]`."""

  def __call__(self, tokens: Tokens) -> Float[Array, 'b e']:
    """Concatenates what they give."""
    return jnp.concatenate([pool(tokens) for pool in self.pools], axis=-1)


class UnitLength(nn.Module):
  """Another pooling's vector, divided by its length."""

  pool: nn.Module = MeanPool()
  """`Tokens -> [b d]`."""

  def __call__(self, tokens: Tokens) -> Float[Array, 'b d']:
    """Divides, in full precision; zero stays zero."""
    x = full_precision(self.pool(tokens))
    square = (x**2).sum(-1, keepdims=True)
    # The square root has no gradient at zero.
    return x / jnp.sqrt(jnp.maximum(square, 1e-24))


class DensePool(nn.Module):
  """A linear layer with a nonlinearity behind another pooling.

  The pooler of BERT (https://arxiv.org/abs/1810.04805).
  """

  pool: nn.Module = FirstToken()
  """`Tokens -> [b d]`."""
  width: int | None = None
  """Width of the result; that of the tokens if None."""
  activation: Callable[[Array], Array] | None = jnp.tanh
  """Nonlinearity, if any."""

  @nn.compact
  def __call__(self, tokens: Tokens) -> Float[Array, 'b d']:
    """Computes `activation(dense(pool(tokens)))`."""
    x = self.pool(tokens)
    x = nn.Dense(self.width or x.shape[-1], name='dense')(x)
    return x if self.activation is None else self.activation(x)
