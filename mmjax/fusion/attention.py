"""What the fusions that are Transformers have in common."""

import flax.linen as nn

from mmjax.layers.attention import require_divisible
from mmjax.layers.transformer import Block


class AttentionFusion(nn.Module):
  """The options of a fusion's Transformer blocks, and the blocks."""

  modalities: tuple[str, ...]
  """Which modalities take part, in this order."""
  width: int = 256
  """Width that each modality is projected to, and of the result."""
  depth: int = 2
  """Blocks, or rounds of them."""
  heads: int = 4
  """Attention heads; they divide the width."""
  mlp_ratio: float = 2.0
  """Hidden width of the MLP, over the width."""
  dropout: float = 0.0
  """Probability of zeroing a unit in training."""

  def __post_init__(self):
    """Checks that the heads divide the width."""
    require_divisible(self.width, self.heads)
    super().__post_init__()

  def block(self, name: str) -> Block:
    """A block of that name; for a subclass's compact method to call."""
    return Block(
      heads=self.heads,
      mlp_ratio=self.mlp_ratio,
      dropout=self.dropout,
      name=name,
    )
