"""The decoded stamps: prepared once for each state of a folder, then read.

A TFDS data set in array_record files, read through `as_data_source`, which
takes no TensorFlow (https://www.tensorflow.org/datasets/data_source).
"""

import contextlib
import dataclasses
import fcntl
import functools
import io
import json
import logging
import multiprocessing
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Literal

import numpy as np
import rich.console
import rich.progress
import tensorflow_datasets as tfds
from jaxtyping import Int16, UInt8

from mmjax.data.datasets.stamps_builder import StampsBuilder
from mmjax.data.datasets.stamps_files import Listing
from mmjax.data.errors import RecordError

_LOGGED: set = set()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stamp:
  """One stamp, decoded.

  Attributes:
    number: its place among all stamps of the folder, sorted by name.
    name: path of its `.txt`; the first folder is the category.
    image: the picture on a white square, None where there is none.
    texts: descriptions by language; 'en' is line 1.
    speech: 16 kHz samples by language, alphabetically.
    noise: 16 kHz samples of what it sounds like, None where there are none.
  """

  number: int
  name: str
  image: UInt8[np.ndarray, 'h w 3'] | None
  texts: Mapping[str, str]
  speech: Mapping[str, Int16[np.ndarray, ' s']]
  noise: Int16[np.ndarray, ' n'] | None = None

  @property
  def category(self) -> str:
    """First folder of the name."""
    return self.name.split('/')[0]


def prepare(listing: Listing, *, cache: str, canvas: int) -> str:
  """Decodes the folder, unless the cache holds it as it is now.

  Killed half-way it leaves nothing that a later call would take for whole.

  Args:
    listing: the folder.
    cache: folder to write under.
    canvas: side of the stored pictures.

  Returns:
    The folder of the TFDS data set.

  Raises:
    OSError: the cache cannot be written.
  """
  base = pathlib.Path(cache).expanduser() / 'stamps'
  base = base / f'{listing.digest}-{canvas}'
  data = base / StampsBuilder.name / str(StampsBuilder.VERSION)
  if not _is_whole(data):
    base.mkdir(parents=True, exist_ok=True)
    with _lock(base / 'lock'):
      if not _is_whole(data):  # another process may just have done it
        shutil.rmtree(data.parent, ignore_errors=True)
        _build(listing, base, canvas)
  return os.fspath(data)


def _is_whole(data: pathlib.Path) -> bool:
  # TFDS renames the folder into place when everything is in it.
  return (data / 'dataset_info.json').exists()


def _build(listing: Listing, base: pathlib.Path, canvas: int):
  progress = rich.progress.Progress(
    *rich.progress.Progress.get_default_columns(),
    rich.progress.MofNCompleteColumn(),
    console=rich.console.Console(stderr=True),
    redirect_stdout=False,
    redirect_stderr=False,
  )
  with progress, _quiet_tfds():
    task = progress.add_task(
      'Preparing stamps (only once)', total=len(listing.stamps)
    )
    builder = StampsBuilder(
      listing=listing,
      canvas=canvas,
      on_stamp=lambda: progress.advance(task),
      data_dir=base,
      file_format='array_record',
    )
    builder.download_and_prepare(download_dir=base / 'downloads')
  shutil.rmtree(base / 'downloads', ignore_errors=True)


def tell_errors(
  directory: str, root: str, *, on_error: Literal['raise', 'skip']
) -> None:
  """Tells of the files that could not be read when they were cached.

  Args:
    directory: of the cache.
    root: of the stamps.
    on_error: whether they stop the run.

  Raises:
    RecordError: some could not be read, and `on_error` is 'raise'.
  """
  metadata = _builder(directory).info.metadata
  assert metadata is not None  # the builder always writes it
  errors = metadata['errors']
  if errors and on_error == 'raise':
    (name, reason), *others = sorted(errors.items())
    more = f'; {len(others)} more files cannot be read' if others else ''
    raise RecordError(
      f'{reason}{more} (--data.on-error skip goes without)',
      file=os.path.join(root, name),
    )
  if errors:
    _log_skipped(root, errors)


def read_split(directory: str, split: str) -> list[Stamp]:
  """All stamps of 'train' or 'test', by name."""
  return [
    read_stamp(directory, split, index)
    for index in range(len(_records(directory, split)))
  ]


# A parsed record shares the memory of what was read, and all of them together
# take about 400 MB, less than reading them again in every epoch costs.
@functools.lru_cache(maxsize=4096)
def read_stamp(directory: str, split: str, index: int) -> Stamp:
  """One stamp; kept in memory once read."""
  record = _records(directory, split)[index]
  image = None
  if record['image']:
    pixels = np.frombuffer(record['image'], np.uint8)
    side = round((pixels.size / 3) ** 0.5)
    image = pixels.reshape(side, side, 3)
  speech = zip(
    record['speech']['language'], record['speech']['samples'], strict=True
  )
  return Stamp(
    number=int(record['number']),
    name=record['name'].decode(),
    image=image,
    texts=json.loads(record['texts']),
    speech={k.decode(): np.frombuffer(v, np.int16) for k, v in speech},
    noise=np.frombuffer(record['noise'], np.int16) if record['noise'] else None,
  )


@functools.lru_cache(maxsize=16)
def _builder(directory: str):
  return tfds.builder_from_directory(directory)


@functools.lru_cache(maxsize=16)
def _records(directory: str, split: str):
  builder = _builder(directory)
  if split not in builder.info.splits:
    return ()  # TFDS cannot hold a split without examples.
  # A decorator of TFDS hides the signature.
  return builder.as_data_source(split)  # pyright: ignore[reportCallIssue]


@contextlib.contextmanager
def _lock(file: pathlib.Path):
  """Lets one process prepare while others wait for what it makes."""
  with open(file, 'w') as f:
    try:
      fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      logging.getLogger(__name__).warning(
        'waiting for another process to prepare the stamps (%s)', file
      )
      fcntl.flock(f, fcntl.LOCK_EX)
    yield


@contextlib.contextmanager
def _quiet_tfds():
  """No bars and lines of TFDS: they go to stdout, which is for results."""
  tfds.disable_progress_bar()
  try:
    with contextlib.redirect_stdout(io.StringIO()):
      yield
  finally:
    tfds.enable_progress_bar()


def _log_skipped(root: str, errors: Mapping[str, str]) -> None:
  """Tells of files that could not be read, once."""
  # Once, and not from every worker process too.
  key = root, tuple(errors)
  if key in _LOGGED or multiprocessing.parent_process() is not None:
    return
  _LOGGED.add(key)
  shown = [f'{root}/{name} ({why})' for name, why in sorted(errors.items())]
  if len(shown) > 10:
    shown[10:] = [f'and {len(shown) - 10} more']
  files = 'file' if len(errors) == 1 else 'files'
  logging.getLogger(__name__).warning(
    'skipped %d unreadable %s: %s', len(errors), files, '; '.join(shown)
  )
