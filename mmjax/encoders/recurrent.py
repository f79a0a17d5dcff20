"""Recurrent networks: text, sound or sensors, one step after the other."""

from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Num

from mmjax.layers.doors import SeriesDoor, follow_kernel
from mmjax.layers.recurrence import GRU, LSTM
from mmjax.types import Tokens


class Recurrent(nn.Module):
  """LSTM or GRU layers, then a dense layer; a token for each step.

  What it takes is a matter of its `door`: sensor series as they come,
  waveforms through `LogMel`, token ids through `TextDoor`. Padding at either
  end and gaps are stepped over. Pool with `LastToken`: the state after the last
  real step. In both directions `MeanPool` suits better, because the reverse
  direction ends at the first.

  Learning Phrase Representations (https://arxiv.org/abs/1406.1078); both
  directions: Schuster & Paliwal (https://doi.org/10.1109/78.650093).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from mmjax.layers import TextDoor
    >>> text, mask = jnp.array([[1, 70, 2, 0]]), jnp.array([[1, 1, 1, 0]]) > 0
    >>> encoder = Recurrent(door=TextDoor(width=32), hidden=64, width=64)
    >>> tokens, params = encoder.init_with_output(jax.random.key(0), text, mask)
    >>> tokens.x.shape
    (1, 4, 64)
  """

  door: Any = SeriesDoor()
  """`(array, mask) -> ([b n c], mask)`: SeriesDoor, TextDoor or LogMel."""
  cell: Literal['lstm', 'gru'] = 'lstm'
  """What the layers are made of."""
  hidden: int = 128
  """Features of the state in each direction."""
  depth: int = 1
  """Recurrent layers, each over the states of the last."""
  directions: Literal['forward', 'both'] = 'forward'
  """Whether the layers run from the first step to the last, or a second time
  the other way round, with the two states side by side."""
  width: int = 128
  """Features of each token: those of the dense layer."""
  dropout: float = 0.0
  """Probability of zeroing a unit behind each layer in training."""

  @nn.compact
  def __call__(
    self,
    series: Num[Array, 'b ...'],
    mask: Bool[Array, 'b n'],
    *,
    train: bool = False,
  ) -> Tokens:
    """Encodes what the door takes.

    Args:
      series: ids `[b t]`, samples `[b s]` or readings `[b f c]`, any value
        where masked.
      mask: True where an id, a sample or a step is real.
      train: whether dropout is on.

    Returns:
      A token for each step behind the door.
    """
    x, mask = self.door(series, mask)
    layer = {'lstm': LSTM, 'gru': GRU}[self.cell]
    for i in range(self.depth):
      states = [layer(self.hidden, name=f'forward_{i}')(x, mask)]
      if self.directions == 'both':
        reverse = layer(self.hidden, reverse=True, name=f'reverse_{i}')
        states.append(reverse(x, mask))
      x = jnp.concatenate(states, axis=-1)
      x = nn.Dropout(self.dropout, deterministic=not train)(x)
    dense = nn.Dense(self.width, promote_dtype=follow_kernel, name='dense')
    return Tokens(dense(x), mask)
