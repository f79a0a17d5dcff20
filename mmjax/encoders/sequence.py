"""What the encoders that are Transformers have in common."""

import flax.linen as nn
from jaxtyping import Array, Int

from mmjax.layers.attention import require_divisible
from mmjax.layers.cache import Slots
from mmjax.layers.style import Style
from mmjax.layers.transformer import Remat, Transformer
from mmjax.types import Tokens


class SequenceEncoder(nn.Module):
  """The options of an encoder's Transformer, and the Transformer itself."""

  width: int = 384
  """Features of each token."""
  depth: int = 12
  """Transformer blocks."""
  heads: int = 6
  """Attention heads; they divide the width, or the style has a head width."""
  mlp_ratio: float = 4.0
  """Hidden width of the MLP, over the width."""
  dropout: float = 0.0
  """Probability of zeroing a unit in training."""
  style: Style = Style()
  """Norms, nonlinearity and biases of the blocks."""
  scan: bool = False
  """Whether one compiled block loops over stacked parameters: compile time does
  not grow with depth."""
  remat: Remat = 'none'
  """What the backward pass computes again, to save memory: nothing, all but the
  projections of each block, or the full block."""

  def __post_init__(self):
    """Checks that the heads divide the width."""
    if self.style.head_width is None:
      require_divisible(self.width, self.heads)
    super().__post_init__()

  def transform(
    self,
    tokens: Tokens,
    *,
    causal: bool = False,
    places: Int[Array, '#b n'] | None = None,
    slots: Slots | None = None,
    train: bool = False,
  ) -> Tokens:
    """Runs the Transformer; for a subclass's compact method to call."""
    return Transformer(
      depth=self.depth,
      heads=self.heads,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      style=self.style,
      causal=causal,
      scan=self.scan,
      remat=self.remat,
      name='transformer',
    )(tokens, places=places, slots=slots, train=train)
