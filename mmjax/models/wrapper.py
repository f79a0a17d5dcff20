"""A model around a model, which leaves the paths of its parameters alone."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn


class Wrapper(nn.Module):
  """Shares the scope of the model inside; wrappers can be put into each other.

  So a run without the wrapper can start from the parameters of a run with it.
  A subclass computes `self.model(batch, train=train)` and adds to it. What has
  been learned is used without it: whatever decodes asks for `bare`.
  """

  model: nn.Module
  """What is wrapped."""

  # Flax: names given below are kept, instead of the field's.
  preserve_adopted_names = True

  def __post_init__(self):
    """Names the model inside so that several can share a scope."""
    if self.model.name is None:
      name = f'inside_{type(self).__name__.lower()}'
      object.__setattr__(self, 'model', self.model.clone(name=name))
    super().__post_init__()

  def setup(self):
    """Leaves the parameters where they are without this wrapper."""
    nn.share_scope(self, self.model)

  def bare(
    self, variables: Mapping[str, Any]
  ) -> tuple[nn.Module, Mapping[str, Any]]:
    """The model without this or other wrappers, and its variables."""
    model: Any = self.model.clone(name=None)
    variables = self.without(variables)
    return (
      model.bare(variables) if hasattr(model, 'bare') else (model, variables)
    )

  def without(self, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The variables of the model inside; some more do no harm."""
    return variables
