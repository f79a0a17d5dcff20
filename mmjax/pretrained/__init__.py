"""Other projects' checkpoints, in and out: `load`, `export`."""

from mmjax.pretrained.preprocess import Preprocess
from mmjax.pretrained.pretrained import Pretrained, export, load

__all__ = ['Preprocess', 'Pretrained', 'export', 'load']
