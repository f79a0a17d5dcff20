"""Other projects' checkpoints, in and out: `load`, `export`."""

from mmjax.pretrained.pretrained import Preprocess, Pretrained, export, load

__all__ = ['Preprocess', 'Pretrained', 'export', 'load']
