"""The training step and what it needs; the loop is in `mmjax.train.loop`."""

from mmjax.train.config import Checkpointing, Config, load_config
from mmjax.train.optimizer import AdamW
from mmjax.train.state import TrainState, make_init
from mmjax.train.step import Objective, make_predict, make_train_step

__all__ = [
  'AdamW',
  'Checkpointing',
  'Config',
  'Objective',
  'TrainState',
  'load_config',
  'make_init',
  'make_predict',
  'make_train_step',
]
