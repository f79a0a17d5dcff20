"""The training step and what it needs; the loop is in `mmjax.train.loop`."""

from mmjax.train.config import Checkpointing, Config, WarmStart, load_config
from mmjax.train.groups import Groups
from mmjax.train.muon import Muon
from mmjax.train.optimizer import (
  SGD,
  Adafactor,
  Adam,
  AdamW,
  Lion,
  Optimizer,
)
from mmjax.train.saved import read_variables
from mmjax.train.schedules import Constant, Cosine, Linear, Rsqrt
from mmjax.train.state import TrainState, make_init
from mmjax.train.step import Objective, make_predict, make_train_step

__all__ = [
  'SGD',
  'Adafactor',
  'Adam',
  'AdamW',
  'Checkpointing',
  'Config',
  'Constant',
  'Cosine',
  'Groups',
  'Linear',
  'Lion',
  'Muon',
  'Objective',
  'Optimizer',
  'Rsqrt',
  'TrainState',
  'WarmStart',
  'load_config',
  'make_init',
  'make_predict',
  'make_train_step',
  'read_variables',
]
