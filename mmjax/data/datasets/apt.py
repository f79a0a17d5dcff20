"""Lists of Debian's package manager, read where it keeps them."""

import glob
import os
import subprocess
from pathlib import Path

from mmjax.types import InputError

_HELPER = '/usr/lib/apt/apt-helper'


def files(root: str, pattern: str, *, hint: str) -> tuple[str, ...]:
  """The lists whose names match a pattern.

  Args:
    root: folder of the lists.
    pattern: of a file name, as a shell has it.
    hint: what to do where there is none.

  Raises:
    InputError: there is none.
  """
  folder = os.path.expanduser(root)
  found = sorted(glob.glob(os.path.join(glob.escape(folder), pattern)))
  if not found:
    raise InputError(f'no index {folder}/{pattern}: {hint}')
  return tuple(found)


def text(file: str) -> str:
  """What a list says.

  Raises:
    InputError: it cannot be read.
  """
  # A plain one has no ending, such as `_Packages` and `_Translation-en`.
  if not Path(file).suffix:
    return Path(file).read_text(encoding='utf-8', errors='replace')
  # Whatever it is compressed with, the package manager can read it.
  try:
    run = subprocess.run(
      [_HELPER, 'cat-file', file], capture_output=True, check=True
    )
  except (OSError, subprocess.CalledProcessError) as error:
    raise InputError(f'cannot read {file}: {error}') from error
  return run.stdout.decode('utf-8', 'replace')
