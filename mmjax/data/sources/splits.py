"""Which records are for training: as the data says, else by hash."""

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from mmjax.data import splits
from mmjax.data.dataset import SPLITS
from mmjax.types import InputError

SPLIT_NAMES = {
  'train': 'train',
  'training': 'train',
  'validation': 'validation',
  'valid': 'validation',
  'val': 'validation',
  'dev': 'validation',
  'test': 'test',
  'testing': 'test',
  'eval': 'test',
}
_IN_PATH = re.compile(
  rf'(?<![a-z])({"|".join(SPLIT_NAMES)})(?![a-z])', re.IGNORECASE
)


def split_of_path(path: str) -> str | None:
  """The split that a file's path names, as in `data/train-00001.parquet`."""
  found = _IN_PATH.findall(path.rpartition('.')[0] or path)
  return found[-1].lower() if found else None


def known(split: str) -> str | None:
  """The split that is called so; None if there is no such split."""
  return SPLIT_NAMES.get(split.strip().lower())


def assign(
  names: Sequence[str], told: Sequence[str | None], *, where: str
) -> dict[str, Int[np.ndarray, ' n']]:
  """Rows of each split.

  A split that the data tells stays. Of data with train and test, validation is
  a seventh of train; of data with train and validation, that validation is the
  test, and validation a seventh of train. What the data does not tell is by
  the MD5 of a record's name.

  Args:
    names: of all records.
    told: split of each record, None where the data does not tell.
    where: what to call the data in errors.

  Returns:
    Rows by split, rising.

  Raises:
    InputError: the data tells some splits, and 'train' is none of them.
  """
  there = set(told) - {None}
  if there and 'train' not in there and None not in told:
    raise InputError(
      f'{where} has records for {", ".join(sorted(filter(None, there)))}, and '
      'none for train'
    )
  whole = there == {'train'}
  renamed = {'validation': 'test'} if there == {'train', 'validation'} else {}
  found: dict[str, list[int]] = {split: [] for split in SPLITS}
  for row, (name, split) in enumerate(zip(names, told, strict=True)):
    if split is None or whole:
      split = splits.split_of(name)
    elif split == 'train' and 'validation' not in there - set(renamed):
      split = 'validation' if splits.is_validation(name) else 'train'
    else:
      split = renamed.get(split, split)
    found[split].append(row)
  return {split: np.array(rows, np.int64) for split, rows in found.items()}
