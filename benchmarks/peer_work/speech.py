"""Whisper-tiny writes 64 tokens for each of 8 clips."""

import tempfile
from pathlib import Path

import numpy as np

import decoding
from peer_work.work import Work, generator


def ours() -> Work:
  """mmjax's cached greedy decoding."""
  from mmjax import pretrained

  with tempfile.TemporaryDirectory() as folder:
    decoding.write_whisper(Path(folder))
    loaded = pretrained.load(folder)
    run = decoding.run_ours(loaded, _features())
    run()  # A checkpoint that is mapped is read here.
  return _work(run)


def theirs() -> Work:
  """`generate` of transformers."""
  with tempfile.TemporaryDirectory() as folder:
    decoding.write_whisper(Path(folder))
    run = decoding.run_theirs(Path(folder), _features())
    run()
  return _work(run)


def _features() -> np.ndarray:
  size = (decoding.ROWS, 3000, 80)
  return generator().normal(size=size).astype(np.float32)


def _work(run) -> Work:
  return Work(run, None, decoding.ROWS * decoding.TOKENS, 'tokens')
