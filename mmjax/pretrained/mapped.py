"""A safetensors file whose tensors are views on the disk's pages."""

import json
import math
import mmap
import os
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from safetensors import safe_open

from mmjax.types import InputError

# What is not called a kind and its bits, as F32 is.
_DTYPES: dict[str, Any] = {
  'BOOL': np.bool_,
  'BF16': jnp.bfloat16,
  'F8_E4M3': jnp.float8_e4m3fn,
  'F8_E5M2': jnp.float8_e5m2,
}


class MappedFile(Mapping[str, np.ndarray]):
  """Name -> tensor, as a view that cannot be written.

  Each is a mapping of its own that ends with the array, so that the pages that
  were read don't stay in memory with the file. The file stays open: it may be
  removed, or another be put in its place. Copy what shall outlive that it is
  written to.

  https://huggingface.co/docs/safetensors/index#format
  """

  def __init__(self, file: Path):
    """Reads the header.

    Raises:
      InputError: the file is damaged.
    """
    try:
      # It checks that the header is sound and the file as long as it says.
      safe_open(file, 'numpy')
    except Exception as error:
      raise InputError(f'{file} cannot be read: {error}') from error
    self._opened = file.open('rb')
    weakref.finalize(self, self._opened.close)
    size = int.from_bytes(self._opened.read(8), 'little')
    header = json.loads(self._opened.read(size))
    header.pop('__metadata__', None)
    self._file, self._start, self._header = file, 8 + size, header
    self._state = self._now()

  def __getitem__(self, key: str) -> np.ndarray:
    """Maps a tensor.

    Raises:
      InputError: NumPy has no such numbers, or the file was written to.
    """
    dtype, shape = self.dtype(key), self.shape(key)
    start, end = (
      self._start + offset for offset in self._header[key]['data_offsets']
    )
    if start == end:
      return np.zeros(shape, dtype)
    self.check_unchanged()
    page = start - start % mmap.ALLOCATIONGRANULARITY
    pages = mmap.mmap(
      self._opened.fileno(), end - page, access=mmap.ACCESS_READ, offset=page
    )
    flat = np.frombuffer(pages, dtype, math.prod(shape), start - page)
    return flat.reshape(shape)

  def check_unchanged(self) -> None:
    """Raises InputError if the file was written to since it was opened."""
    if self._now() != self._state:
      raise InputError(
        f'{self._file} was written to after it was opened: load it again'
      )

  def dtype(self, key: str) -> np.dtype:
    """The dtype of a tensor.

    Raises:
      InputError: NumPy has no such numbers.
    """
    name = self._header[key]['dtype']
    try:
      return np.dtype(
        _DTYPES.get(name) or f'{name[0].lower()}{int(name[1:]) // 8}'
      )
    except (ValueError, TypeError) as error:
      raise InputError(f'{self._file}: {key} is of {name}') from error

  def shape(self, key: str) -> tuple[int, ...]:
    """The shape of a tensor, which is not mapped."""
    return tuple(self._header[key]['shape'])

  def __iter__(self) -> Iterator[str]:
    """Their names."""
    return iter(self._header)

  def __len__(self) -> int:
    """How many there are."""
    return len(self._header)

  def _now(self) -> tuple[int, int]:
    found = os.fstat(self._opened.fileno())
    return found.st_size, found.st_mtime_ns
