"""No fusion: for a model of one modality."""

from collections.abc import Mapping

import flax.linen as nn

from mmjax.types import Tokens


class Only(nn.Module):
  """Takes one modality's tokens as they are.

  There is no token of the fusion's own: an example without the modality has
  nothing to say.
  """

  modality: str
  """Whose tokens."""

  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Takes the tokens."""
    del train
    return tokens[self.modality]
