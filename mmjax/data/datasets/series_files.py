"""Files of labelled series, the `.ts` format of the UEA archive.

A line is one example: its channels, split by `:`, and then its class; a
channel's values are split by commas, and `?` is one that was not measured
(https://www.aeon-toolkit.org/en/stable/api_reference/data_format.html). Our own
reader: that of aeon needs pandas and numba to be installed.
"""

import dataclasses
import functools
import importlib.util
import os
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from mmjax.data.errors import RecordError
from mmjax.types import InputError

# Its code is not run, so what it depends on is not needed.
_HINT = (
  'install the PyPI package aeon (pip install --no-deps aeon) or name a folder '
  'of such data sets with --data.root'
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Series:
  """One example of a file.

  Attributes:
    row: its place among the examples of the file.
    label: the class as the file has it; None where the line cannot be read.
    x: what was measured, NaN where nothing was.
    error: why the line cannot be read, else None.
  """

  row: int
  label: str | None = None
  x: Float32[np.ndarray, 'f c'] | None = None
  error: RecordError | None = None


def find(problem: str, part: str, *, root: str | None) -> str:
  """The file of the 'TRAIN' or 'TEST' part of a data set.

  Args:
    problem: name of the data set in the archive, `BasicMotions`.
    part: of the two.
    root: folder of folders of data sets; None is that of the package aeon.

  Raises:
    InputError: there is none.
  """
  if root is None:
    # This finds the package and does not import it.
    spec = importlib.util.find_spec('aeon')
    if spec is None or not spec.submodule_search_locations:
      raise InputError(f'no package aeon, which holds {problem}: {_HINT}')
    root = os.path.join(spec.submodule_search_locations[0], 'datasets', 'data')
  root = os.path.expanduser(root)
  file = os.path.join(root, problem, f'{problem}_{part}.ts')
  if not os.path.isfile(file):
    raise InputError(f'no file {file}: {_HINT}')
  return file


@functools.lru_cache(maxsize=8)
def read(file: str) -> Sequence[Series]:
  """All examples of a file; kept in memory.

  Raises:
    InputError: the file cannot be read at all, or has no classes.
  """
  try:
    with open(file, encoding='utf-8') as f:
      lines = [line.strip() for line in f]
  except (OSError, UnicodeDecodeError) as error:
    raise InputError(f'cannot read {file}: {error}') from error
  lines = [line for line in lines if line and not line.startswith('#')]
  head = [line.lower().split() for line in lines if line.startswith('@')]
  if not any(h[:2] == ['@classlabel', 'true'] for h in head):
    raise InputError(f'{file} has no line `@classLabel true`')
  if ['@data'] not in head:
    raise InputError(f'{file} has no line `@data`')
  if ['@timestamps', 'true'] in head:
    raise InputError(f'{file} has time stamps, which are not read')
  rows = [line for line in lines if not line.startswith('@')]
  return tuple(_parse(file, i, line) for i, line in enumerate(rows))


def _parse(file: str, row: int, line: str) -> Series:
  *channels, label = line.split(':')
  try:
    values = [
      [float(v.replace('?', 'nan')) for v in channel.split(',')]
      for channel in channels
    ]
    lengths = sorted({len(v) for v in values})
    if not label.strip() or len(lengths) != 1:
      raise ValueError(f'{len(values)} channels of lengths {lengths}')
  except ValueError as error:
    reason = f'this is no series and its class: {error}'
    return Series(row=row, error=RecordError(reason, file=file, row=row))
  x = np.array(values, np.float32).T
  return Series(row=row, label=label.strip(), x=x)
