"""A Transformer whose blocks also listen to another sequence."""

from typing import Any

import flax.linen as nn
from jaxtyping import Array, Bool, Float, Int

from mmjax.layers.cache import Slots, may_see
from mmjax.layers.transformer import Block, Transformer
from mmjax.masking import where_real
from mmjax.types import Tokens


class CrossBlock(Block):
  """Attention of a sequence to itself, then to a context, and an MLP.

  The decoder's layer of Attention Is All You Need, section 3.1
  (https://arxiv.org/abs/1706.03762).
  """

  @nn.compact
  def __call__(
    self,
    x: Float[Array, 'b n d'],
    context: Float[Array, 'b p e'] | None = None,
    *,
    mask: Bool[Array, '#b 1 #n m'] | None = None,
    listens: Bool[Array, '#b 1 #n p'] | None = None,
    places: Int[Array, '#b n'] | None = None,
    slots: Slots | None = None,
    train: bool = False,
  ) -> Float[Array, 'b n d']:
    """Runs the block.

    Args:
      x: tokens.
      context: what they listen to; None once the variables of `context` have
        its keys and values.
      mask: True where a token sees another one.
      listens: True where a token hears the context.
      places: where the tokens stand.
      slots: where they stand in the cache.
      train: whether dropout is on.
    """
    attention = self.attention('attention')
    cross = self.attention('cross', turns=False)
    mlp = self.mlp(x.shape[-1])

    def attend(y: Array) -> Array:
      return attention(y, mask=mask, places=places, slots=slots)

    def listen(y: Array) -> Array:
      return cross(y, context, mask=listens, slots=slots)

    x = self.beside('attention', x, attend, train=train)
    x = self.beside('cross', x, listen, train=train)
    return self.beside('mlp', x, lambda y: mlp(y, train=train), train=train)


class CrossTransformer(Transformer):
  """A causal stack of blocks that listen to a context."""

  causal: bool = True
  """It always is."""

  @nn.compact
  def __call__(
    self,
    tokens: Tokens,
    context: Tokens | None = None,
    *,
    places: Int[Array, '#b n'] | None = None,
    slots: Slots | None = None,
    train: bool = False,
  ) -> Tokens:
    """Lets the real tokens hear those before them and the context.

    Args:
      tokens: features, and which are real.
      context: what they listen to; not needed with `slots` in all calls but
        the first. An example may have none of it.
      places: where the tokens stand, for rotary positions.
      slots: where they stand in the cache.
      train: whether dropout is on.

    Raises:
      ValueError: there is no context, and none was given before.
    """
    heard = None
    if self.has_variable('context', 'mask'):
      listens: Any = self.get_variable('context', 'mask')
    elif context is None:
      raise ValueError('a CrossTransformer needs a context to listen to')
    else:
      heard, listens = where_real(*context), context.mask[:, None, None, :]
      if slots is not None:
        self.variable('context', 'mask', lambda: listens)

    def run(
      block: Any, x: Array, mask: Array, heard: Array | None, listens: Array
    ) -> Array:
      return block(
        x,
        heard,
        mask=mask,
        listens=listens,
        places=places,
        slots=slots,
        train=train,
      )

    x, real = tokens
    mask = may_see(real, slots, window=self.style.window)
    x = self._stack(run, x, mask, heard, listens, decodes=slots is not None)
    return Tokens(x, real)

  def _block(self, name: str) -> CrossBlock:
    return CrossBlock(
      heads=self.heads,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      style=self.style,
      name=name,
    )
