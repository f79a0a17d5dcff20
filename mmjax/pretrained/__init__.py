"""Other projects' checkpoints, in and out: `load`, `export`."""

from mmjax.pretrained.checkpoint import Checkpoint, find
from mmjax.pretrained.data import PixelsFor, TokensFor
from mmjax.pretrained.preprocess import Preprocess
from mmjax.pretrained.pretrained import Pretrained, export, load
from mmjax.pretrained.runs import export_run
from mmjax.pretrained.start import FromCheckpoint, FromCheckpoints
from mmjax.pretrained.vocabulary import resize_vocabulary

__all__ = [
  'Checkpoint',
  'FromCheckpoint',
  'FromCheckpoints',
  'PixelsFor',
  'Preprocess',
  'Pretrained',
  'TokensFor',
  'export',
  'export_run',
  'find',
  'load',
  'resize_vocabulary',
]
