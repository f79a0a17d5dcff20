"""Data sets that TFDS has prepared as array_record, read without TensorFlow.

Their files are read as they are, and not through TFDS, whose features of
sounds want TensorFlow (https://www.tensorflow.org/datasets/data_source).
"""

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from array_record.python import array_record_data_source

from mmjax.data.errors import RecordError
from mmjax.data.sources.manifest import name_of
from mmjax.data.sources.record import (
  FILES,
  Columns,
  Record,
  Samples,
  glance,
)
from mmjax.data.sources.storage import Storage, clean, one_line
from mmjax.types import InputError

INFO = 'dataset_info.json'
_RATE = 16_000  # of sounds whose rate is not told


class Prepared:
  """The records of one split of a data set in a folder."""

  def __init__(
    self,
    storage: Storage,
    info: Mapping[str, Any],
    features: Mapping[str, Any],
    *,
    columns: Columns,
  ):
    """Opens nothing yet.

    Args:
      storage: folder of the data set.
      info: of the split, from `dataset_info.json`.
      features: by name, from `features.json`.
      columns: what the features are called.

    Raises:
      InputError: the folder lacks a file.
    """
    self._storage, self._columns, self._features = storage, columns, features
    self._split = str(info['name'])
    self.names = set(features)
    self._lengths = [int(n) for n in info.get('shardLengths', ())]
    self._files = _files(storage, info, len(self._lengths))
    self.classes = self._names()

  def _names(self) -> Sequence[str] | None:
    """Of the classes: what TFDS has written beside the data."""
    name = self._columns.label
    if 'classLabel' not in self._features.get(name, {}):
      return None
    try:
      text = self._storage.read(f'{name}.labels.txt').decode('utf-8')
      return [line.strip() for line in text.split('\n') if line.strip()]
    except (RecordError, UnicodeDecodeError):
      count = self._features[name]['classLabel'].get('numClasses', 0)
      return [str(number) for number in range(int(count))]

  def __len__(self) -> int:
    return sum(self._lengths)

  def __getitem__(self, row: int) -> Record:
    file, place = self._place(row)
    try:
      data = self._reader[row]
      example = _message().FromString(data)
      cells = {
        name: self._cell(name, example.features.feature)
        for name in self._columns.all()
        if name in self._features
      }
    except Exception as error:  # of protobuf, of array_record, of NumPy
      reason = f'cannot read this record: {one_line(error)}'
      raise RecordError(reason, file=file, row=place) from error
    default = f'{self._split}/{row}'
    return Record(
      name=name_of(
        {**cells, self._columns.text: None}, self._columns, default=default
      ),
      cells=cells,
      file=file,
      row=place,
      split=self._split,
    )

  def glance(self) -> Iterator[Record | RecordError]:
    """Every record; unread where names and labels are known without."""
    names = {self._columns.name, self._columns.label} & set(self._features)
    if names and not (names == {self._columns.label} and self.classes):
      yield from glance(self)
      return
    cells = {n: ... for n in self._columns.all() if n in self._features}
    for row in range(len(self)):
      file, place = self._place(row)
      name = f'{self._split}/{row}'
      yield Record(name, cells, file, place, self._split)

  def _place(self, row: int) -> tuple[str, int]:
    """The file of a record, and its row there."""
    if not 0 <= row < len(self):
      raise IndexError(row)
    for file, length in zip(self._files, self._lengths, strict=True):
      if row < length:
        return file, row
      row -= length
    raise IndexError(row)

  @functools.cached_property
  def _reader(self) -> Any:
    return array_record_data_source.ArrayRecordDataSource(self._files)

  def _cell(self, name: str, found: Mapping[str, Any]) -> Any:
    if name not in found:
      return None
    kind, feature = self._features[name], found[name]
    values = getattr(feature, feature.WhichOneof('kind')).value
    if not values:
      return None
    if 'audio' in kind:
      rate = int(kind['audio'].get('sampleRate', 0)) or _RATE
      if feature.WhichOneof('kind') == 'bytes_list':
        return values[0]
      return Samples(_int_samples(values, kind['audio']), rate)
    if 'image' in kind:
      return values[0]
    value = values[0] if len(values) == 1 else None
    if name in (getattr(self._columns, kind) for kind in FILES[:3]):
      if not isinstance(value, bytes):
        raise ValueError(f'{name} is no Image or Audio of TFDS, nor a file')
      return value
    if isinstance(value, bytes):
      value = clean(value.decode('utf-8', 'replace'))
    if name == self._columns.label and isinstance(value, int) and self.classes:
      known = range(len(self.classes))
      value = self.classes[value] if value in known else None  # -1: unknown
    return value


@functools.cache
def _message() -> Any:
  """What a record is, for protobuf."""
  # Here, because it takes long, and few runs read such files.
  from tensorflow_datasets.proto import tf_example_pb2

  # pyright does not see what protobuf makes.
  return tf_example_pb2.Example  # pyright: ignore[reportAttributeAccessIssue]


def _int_samples(values: Any, kind: Mapping[str, Any]) -> np.ndarray:
  x = np.array(values, np.float32)
  dims = [int(d) for d in kind.get('shape', {}).get('dimensions', ())]
  if len(dims) == 2:
    x = x.reshape(-1, max(dims[1], 1)).mean(axis=1)
  # TFDS keeps 16-bit samples as integers, and floats where it was told so.
  return x if 'float' in kind.get('dtype', '') else x / 2**15


def find(name: str) -> str:
  """Folder of a data set that was prepared here: NAME[/CONFIG][:VERSION].

  Raises:
    InputError: there is none.
  """
  base = os.environ.get('TFDS_DATA_DIR', '~/tensorflow_datasets')
  path, _, version = name.partition(':')
  root = os.path.join(os.path.expanduser(base), path, version)
  if '..' in root.split('/'):
    raise InputError(f'{name!r} is no name of a data set')
  found = sorted(
    os.path.relpath(folder, root)
    for folder, _, files in os.walk(root)
    if INFO in files and folder.count('/') - root.count('/') < 3
  )
  if not found:
    raise InputError(
      f'no data set {name} in {base}: prepare it with tfds, as array_record'
    )
  # Of several versions the newest; of several configs one must be named.
  if len({os.path.dirname(f) for f in found}) > 1:
    raise InputError(
      f'{name} has several configs: name one of tfds:{path}/'
      f'{", ".join(sorted({os.path.dirname(f) for f in found}))}'
    )
  return os.path.join(root, max(found, key=_version))


def _version(path: str) -> list[int]:
  return [int(n) for n in re.findall(r'\d+', os.path.basename(path))]


def open_splits(storage: Storage, columns: Columns) -> list[Prepared]:
  """All splits of a data set.

  Raises:
    InputError: the folder holds none, or not in array_record.
  """
  try:
    info = json.loads(storage.read(INFO))
    features = json.loads(storage.read('features.json'))
    features = features['featuresDict']['features']
    splits = [dict(split) for split in info['splits']]
    kind = info.get('fileFormat', 'tfrecord')
    if kind != 'array_record':
      raise InputError(
        f'{storage.root} is in {kind}, which has no random access: prepare it '
        "with file_format='array_record'"
      )
    if not any(name in features for name in columns.all()):
      raise InputError(
        f'{storage.root} has the features {", ".join(features)}: none of them '
        f'is one of {", ".join(columns.all())} (--data.columns.* name others)'
      )
    return [Prepared(storage, s, features, columns=columns) for s in splits]
  except InputError:
    raise
  except (ValueError, KeyError, TypeError, RecursionError) as error:
    raise InputError(
      f'{storage.root} is no data set of TFDS: {type(error).__name__} '
      f'{one_line(error)}'
    ) from error


def _files(storage: Storage, info: Mapping[str, Any], count: int) -> list[str]:
  """Full names of the shards of a split."""
  pattern = re.compile(
    rf'(?:^|.*-){re.escape(str(info["name"]))}\.array_record'
    rf'-(\d+)-of-(\d+)$'
  )
  found = [f for f in storage.files() if pattern.match(f) and '/' not in f]
  if len(found) != count:
    raise InputError(
      f'{storage.root} has {len(found)} files of the split {info["name"]}, '
      f'not {count}'
    )
  return [storage.local(name) for name in found]
