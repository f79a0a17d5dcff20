"""From what encoders say to what a model says: texts and pictures."""

from mmjax.decoders.flow import FlowTransformer
from mmjax.decoders.solvers import Euler, Heun
from mmjax.decoders.times import LogitNormalTimes, UniformTimes

__all__ = [
  'Euler',
  'FlowTransformer',
  'Heun',
  'LogitNormalTimes',
  'UniformTimes',
]
