"""Fixed splits by hash: they stay when examples are added or reordered."""

import hashlib


def is_test(name: str) -> bool:
  """Whether the MD5 of the example's name is divisible by 5."""
  return _md5(name) % 5 == 0


def is_validation(name: str) -> bool:
  """Whether an MD5 independent of that is divisible by 7."""
  return _md5(f'validation:{name}') % 7 == 0


def split_of(name: str) -> str:
  """'test', 'validation' or 'train'; validation is a seventh of the rest."""
  if is_test(name):
    return 'test'
  return 'validation' if is_validation(name) else 'train'


def is_in(split: str, name: str, *, train_on: str) -> bool:
  """Whether an example is in a split.

  Args:
    split: 'test', 'validation' or 'train'.
    name: of the example.
    train_on: 'train', or 'train_and_validation' for a 'train' that has both.
  """
  if split == 'train' and train_on == 'train_and_validation':
    return not is_test(name)
  return split == split_of(name)


def number_of(name: str) -> int:
  """A number that tells nothing of the split: to choose a few examples by."""
  return _md5(f'number:{name}')


def _md5(text: str) -> int:
  digest = hashlib.md5(text.encode(), usedforsecurity=False)
  return int(digest.hexdigest(), 16)
