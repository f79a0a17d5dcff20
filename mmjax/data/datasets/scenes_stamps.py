"""The stamps that scenes are made of: cut out, small, and cached."""

import collections
import functools
import os
from collections.abc import Sequence
from concurrent import futures
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from mmjax.data import images, splits
from mmjax.data.datasets import stamps_files
from mmjax.data.sources.cache import made_once
from mmjax.types import InputError

SIDE = 80  # of the square that each is kept in
_FORMAT = 1  # of the file: another one for every change


class Cutouts(NamedTuple):
  """All stamps of a folder that can be pasted.

  Attributes:
    names: path of the `.txt` of each; the first folder is the category.
    texts: English descriptions.
    pixels: colours and opacity, in the upper left corner of their square.
    sizes: rows and columns of each that are its own.
  """

  names: Sequence[str]
  texts: Sequence[str]
  pixels: UInt8[np.ndarray, 'n 80 80 4']
  sizes: np.ndarray

  def cut(self, index: int) -> UInt8[np.ndarray, 'h w 4']:
    """One of them."""
    rows, columns = self.sizes[index]
    return self.pixels[index, :rows, :columns]


def prepare(root: str, *, cache: str, categories: Sequence[str]) -> str:
  """The file of all cutouts of a folder, made unless it is there.

  A stamp whose picture cannot be read, or is missing, is left out.

  Raises:
    InputError: there are no stamps, or the cache cannot be written.
  """
  listing = stamps_files.scan(root, categories=categories)
  key = f'{_FORMAT} {SIDE} {listing.digest}'
  return str(
    made_once(cache, 'scenes', key, functools.partial(_write, listing))
  )


@functools.lru_cache(maxsize=4)
def read(file: str) -> Cutouts:
  """What `prepare` wrote."""
  with np.load(file) as kept:
    return Cutouts(
      kept['names'].tolist(),
      kept['texts'].tolist(),
      kept['pixels'],
      kept['sizes'],
    )


def of_split(
  file: str, split: str, *, categories: Sequence[str]
) -> tuple[Int[np.ndarray, ' n'], ...]:
  """Which cutouts of each category belong to a split, by their MD5.

  Raises:
    InputError: none of some category does.
  """
  drawn = collections.defaultdict(list)
  for index, name in enumerate(read(file).names):
    if splits.split_of(name) == split:
      drawn[name.split('/')[0]].append(index)
  for name in categories:
    if not drawn[name]:
      raise InputError(f'no stamp of {name!r} falls into the split {split}')
  return tuple(np.array(drawn[name]) for name in categories)


def _write(listing: stamps_files.Listing, file: Path) -> None:
  with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    read_one = functools.partial(_read, listing.root)
    found = [x for x in pool.map(read_one, listing.stamps) if x is not None]
  names, texts, cuts = zip(*found, strict=True) if found else ((), (), ())
  pixels = np.zeros((len(cuts), SIDE, SIDE, 4), np.uint8)
  sizes = np.array([cut.shape[:2] for cut in cuts], np.int32).reshape(-1, 2)
  for square, cut in zip(pixels, cuts, strict=True):
    square[: cut.shape[0], : cut.shape[1]] = cut
  with file.open('wb') as f:
    np.savez(
      f, names=np.array(names), texts=np.array(texts), pixels=pixels,
      sizes=sizes,
    )  # fmt: skip


def _read(root: str, stamp: stamps_files.StampFiles):
  if stamp.picture is None:
    return None
  try:
    cut = images.cut_out(os.path.join(root, stamp.picture), size=SIDE)
    texts = stamps_files.read_texts(os.path.join(root, stamp.text))
  except images.RecordError:
    return None
  return stamp.text, texts.get('en', ''), cut
