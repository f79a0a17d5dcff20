"""Fashion-MNIST: 70,000 grey pictures of clothes, in ten classes.

Xiao, Rasul and Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms (https://arxiv.org/abs/1708.07747), MIT licence. The
Debian package is read where it is installed.
"""

import dataclasses
import functools
import gzip
import os
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.fitting import Ink
from mmjax.data.sources.records import Records
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.data.transforms import Transform
from mmjax.types import InputError

CLASSES = (
  't-shirt', 'trouser', 'pullover', 'dress', 'coat',
  'sandal', 'shirt', 'sneaker', 'bag', 'ankle boot',
)  # fmt: skip
PACKAGE = 'dataset-fashion-mnist'
_HINT = (
  f'install the Debian package {PACKAGE} (apt-get install {PACKAGE}) or name '
  'the folder of its files with --data.root'
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fashion:
  """The data set.

  'test' is the official one of 10,000; 'validation' is every tenth of the
  official 60,000 for training.
  """

  root: str = '/usr/share/datasets/fashion-mnist'
  """Folder of the four files, compressed or not."""
  augment: tuple[Transform, ...] = ()
  """What happens to pictures in training, first to last."""
  text_length: int = 0
  """Tokens of a text that names the class, begin and end included; 0 for no
  text."""
  train_on: Literal['train', 'train_and_validation'] = 'train'
  """Whether 'train' leaves out 'validation'."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What to do with a record that cannot be read (there is none)."""

  def __post_init__(self):
    """Checks the length."""
    if self.text_length:
      ByteTokenizer(length=self.text_length)

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """What the pictures show."""
    return {'label': CLASSES}

  def as_records(self, root: str = '') -> Records:
    """Others' pictures, on white, and names."""
    return Records(
      root=root,
      modalities=('image', 'text') if self.text_length else ('image',),
      image_size=28,
      text_length=self.text_length or 96,
      resize=Ink(size=28),
    )

  def check(self) -> None:
    """Looks whether the four files are there.

    Raises:
      InputError: one is not.
    """
    for part in ('train', 't10k'):
      for what in ('images-idx3', 'labels-idx1'):
        _find(self.root, part, what)

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Pictures and labels of a split.

    Raises:
      InputError: there is no such split or view, or the files are not there or
        not what they should be.
    """
    check_name('split of fashion', split, SPLITS)
    check_name('view of fashion', view, ('default',))
    part = 't10k' if split == 'test' else 'train'
    images = _read_idx(_find(self.root, part, 'images-idx3'))
    labels = _read_idx(_find(self.root, part, 'labels-idx1'))
    if images.shape != (len(labels), 28, 28) or labels.ndim != 1:
      raise InputError(
        f'{self.root} has {part} images {list(images.shape)} and labels '
        f'{list(labels.shape)}, not [n 28 28] and [n]'
      )
    rows = np.arange(len(labels))
    if split == 'validation':
      rows = rows[9::10]
    elif split == 'train' and self.train_on == 'train':
      rows = np.delete(rows, np.s_[9::10])
    return _Rows(images, labels, rows)

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One picture.

    Returns:
      image uint8 [28 28 1]; text int32 [text_length], if there is one; their
      masks; label int32.
    """
    image = example['image']
    if rng is not None:
      for transform in self.augment:
        image = transform(image, rng)
    label = np.int32(example['label'])
    prepared = {'image': image, 'mask': {'image': np.True_}, 'label': label}
    if self.text_length:
      tokenizer = ByteTokenizer(length=self.text_length)
      prepared['text'], prepared['mask']['text'] = tokenizer(CLASSES[label])
    return prepared


class _Rows(Sequence):
  """Some rows of the arrays, by random access."""

  def __init__(self, images: np.ndarray, labels: np.ndarray, rows: np.ndarray):
    self._images, self._labels, self._rows = images, labels, rows

  def __len__(self) -> int:
    return len(self._rows)

  def __getitem__(self, index: int) -> Example:
    row = self._rows[index]
    return {'image': self._images[row][..., None], 'label': self._labels[row]}


def _find(root: str, part: str, what: str) -> str:
  file = os.path.join(os.path.expanduser(root), f'{part}-{what}-ubyte')
  for name in (file, f'{file}.gz'):
    if os.path.isfile(name):
      return name
  raise InputError(f'no file {file} or {file}.gz: {_HINT}')


@functools.lru_cache(maxsize=8)
def _read_idx(file: str) -> np.ndarray:
  """The array of bytes in an IDX file (http://yann.lecun.com/exdb/mnist)."""
  try:
    opener = gzip.open if file.endswith('.gz') else open
    with opener(file, 'rb') as f:
      data = f.read()
  except (OSError, EOFError) as error:
    raise InputError(f'cannot read {file}: {error}') from error
  # Two zeros, 8 for unsigned bytes, the number of axes, and their lengths.
  if len(data) < 4 or data[:3] != b'\0\0\x08':
    raise InputError(f'{file} is no IDX file of bytes')
  first = 4 + 4 * data[3]
  shape = tuple(int(n) for n in np.frombuffer(data[4:first], '>u4'))
  if len(data) - first != np.prod(shape, dtype=int):
    raise InputError(
      f'{file} holds {len(data) - first} bytes, not those of {list(shape)}'
    )
  return np.frombuffer(data, np.uint8, offset=first).reshape(shape)
