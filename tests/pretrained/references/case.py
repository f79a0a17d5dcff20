"""A tiny random model of transformers, and the same inputs for it and us.

Needs PyTorch and transformers: imported only by what is skipped without them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

PATCH, IMAGE = 6, 19  # an odd size: the last row and column fill no patch


class Case(NamedTuple):
  """One model to compare.

  Attributes:
    model: of transformers, with random parameters.
    batch: what our model takes.
    inputs: the same as the other's keyword arguments, from the image mean and
      std of our encoder.
    outputs: our name -> the other's output.
    masks: our name -> which rows of it mean something.
    extractor: what prepares its inputs, where the model depends on that.
  """

  model: Any
  batch: Mapping[str, Any]
  inputs: Mapping[str, Any]
  outputs: Mapping[str, Callable[[Any], Any]]
  masks: Mapping[str, np.ndarray] = {}
  extractor: Any = None

  def save(self, folder):
    """Writes the checkpoint."""
    self.model.save_pretrained(folder)
    if self.extractor is not None:
      self.extractor.save_pretrained(folder)


def randomize(model, seed, scale=0.1):
  """Moves every parameter: biases and scales that are not all zero and one.

  The moving averages of BatchNorm, too.
  """
  generator = torch.Generator().manual_seed(seed)
  with torch.no_grad():
    for name, buffer in model.named_buffers():
      noise = torch.randn(buffer.shape, generator=generator)
      if name.endswith('running_mean'):
        buffer.add_(noise * scale)
      if name.endswith('running_var'):
        buffer.mul_(torch.exp(noise * scale))
    for parameter in model.parameters():
      noise = torch.randn(parameter.shape, generator=generator)
      parameter.add_(noise * scale)
  return model.eval()


def plain(*names):
  """Outputs that are called the same there and here."""
  return {name: lambda found, name=name: found[name] for name in names}


def pictures(seed, *, size=IMAGE, mean=(0.5,) * 3, std=(0.5,) * 3):
  """Bytes, presence, and the normalised `[b c h w]` of transformers."""
  rng = np.random.default_rng(seed)
  image = rng.integers(0, 256, (2, size, size, 3)).astype(np.uint8)
  pixels = (image / 255 - np.asarray(mean)) / np.asarray(std)
  pixels = torch.tensor(pixels.transpose(0, 3, 1, 2), dtype=torch.float32)
  return image, np.ones(2, bool), pixels


def texts(seed, *, vocabulary=99, length=12, pad=1, rows=3):
  """Token ids with padding, which are real, and both as tensors."""
  rng = np.random.default_rng(seed)
  counts = np.array([length, length // 2, 3])[:rows]
  mask = np.arange(length)[None] < counts[:, None]
  ids = rng.integers(3, vocabulary - 1, (rows, length))
  ids = np.where(mask, ids, pad)
  return ids, mask, torch.tensor(ids), torch.tensor(mask.astype(np.int64))


def sounds(seed, *, counts):
  """Noise of so many samples a row, and which of them are real."""
  rng = np.random.default_rng(seed)
  mask = np.arange(max(counts))[None] < np.asarray(counts)[:, None]
  audio = rng.normal(size=mask.shape) * 0.1
  return np.where(mask, audio, 0.0).astype(np.float32), mask
