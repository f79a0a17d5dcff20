"""Several tasks whose weights in the loss are learned with everything else."""

from typing import Any

import flax.linen as nn

from mmjax.models.wrapper import Wrapper
from mmjax.types import Batch


class TaskWeights(Wrapper):
  """A model with one learned log-variance for each of several tasks.

  The objective `Uncertainty` reads them. All else is as it was, the paths of
  parameters too, so that a run without this can start from a run with it.

  Multi-Task Learning Using Uncertainty to Weigh Losses
  (https://arxiv.org/abs/1705.07115).
  """

  model: nn.Module
  """What has the tasks."""
  tasks: tuple[str, ...]
  """Their names."""

  def __post_init__(self):
    """Checks the names."""
    if len(set(self.tasks)) != len(self.tasks):
      raise ValueError(f'tasks {self.tasks} names one twice')
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Adds `log_variances`, by task, to what is in `shared`."""
    outputs = self.model(batch, train=train)
    zeros = nn.initializers.zeros
    learned = {
      task: self.param(f'{task}_log_variance', zeros, ()) for task in self.tasks
    }
    shared = {**outputs.get('shared', {}), 'log_variances': learned}
    return {**outputs, 'shared': shared}
