"""The TFDS builder that decodes a folder of stamps.

Decoding finds the files that cannot be read: the data set's metadata names
them, and whoever reads it decides what that means.
"""

import collections
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from mmjax.data import audio, images
from mmjax.data.datasets import stamps_files
from mmjax.data.errors import RecordError
from mmjax.data.splits import is_test

SPLITS = ('train', 'test')


class StampsBuilder(
  tfds.core.GeneratorBasedBuilder,
  skip_registration=True,
):
  """One record a stamp: what is slow to decode is stored decoded."""

  VERSION = tfds.core.Version('1.1.0')
  # Found by TFDS itself only with importlib_resources, which it does not
  # install.
  code_path = epath.Path(__file__)

  def __init__(
    self,
    *,
    listing: stamps_files.Listing,
    canvas: int,
    on_stamp: Callable[[], None],
    **kwargs: Any,
  ):
    self._listing = listing
    self._canvas = canvas
    self._on_stamp = on_stamp
    self._errors: dict[str, str] = {}
    super().__init__(**kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    text = tfds.features.Text()
    blob = tfds.features.Tensor(shape=(), dtype=np.object_)
    features = {
      'number': tfds.features.Scalar(np.int32),  # among all, sorted by name
      'name': text,
      'image': blob,  # uint8 [canvas canvas 3]; empty: none
      'texts': text,  # JSON: language -> description
      'speech': tfds.features.Sequence(
        {'language': text, 'samples': blob}  # int16, 16 kHz
      ),
      'noise': blob,  # the same; empty: none
    }
    return tfds.core.DatasetInfo(
      builder=self,
      description='Tux Paint stamps: pictures, descriptions, speech.',
      homepage='https://tuxpaint.org',
      features=tfds.features.FeaturesDict(features),
      metadata=tfds.core.MetadataDict(errors=self._errors),  # file -> why
      disable_shuffling=True,  # by name, as the listing is
    )

  def _split_generators(self, dl_manager):
    splits = {
      split: [
        (number, stamp)
        for number, stamp in enumerate(self._listing.stamps)
        if is_test(stamp.text) == (split == 'test')
      ]
      for split in SPLITS
    }
    # TFDS refuses a split without examples.
    return {k: self._generate_examples(v) for k, v in splits.items() if v}

  def _generate_examples(self, stamps: Iterable[tuple[int, Any]]):
    def decode(item):
      number, stamp = item
      record, errors = decode_stamp(self._listing.root, stamp, self._canvas)
      return number, {'number': number, **record}, errors

    for number, example, errors in _in_threads(decode, stamps):
      self._errors.update(errors)
      yield number, example
      self._on_stamp()


def decode_stamp(
  root: str, stamp: stamps_files.StampFiles, canvas: int
) -> tuple[dict[str, Any], dict[str, str]]:
  """One record, in which what cannot be read is empty, and why: by file."""
  errors: dict[str, str] = {}

  def attempt(read, name, otherwise):
    try:
      return read(os.path.join(root, name))
    except RecordError as error:
      errors[name] = error.reason
      return otherwise

  def picture(file):
    return images.pad_square(images.decode(file, size=canvas), canvas).tobytes()

  def clip(file):
    return audio.to_int16(audio.load(file)).tobytes()

  texts = attempt(stamps_files.read_texts, stamp.text, {})
  image = attempt(picture, stamp.picture, b'') if stamp.picture else b''
  speech = {
    language: attempt(clip, name, b'')
    for language, name in sorted(stamp.speech.items())
  }
  record = {
    'name': stamp.text,
    'image': image,
    'texts': json.dumps(texts),
    'noise': attempt(clip, stamp.noise, b'') if stamp.noise else b'',
    'speech': [
      {'language': language, 'samples': samples}
      for language, samples in speech.items()
      if samples
    ],
  }
  return record, errors


def _in_threads(function, items: Iterable) -> Iterator:
  """`map` in threads (the decoders release the GIL), a few items ahead."""
  workers = min(8, os.cpu_count() or 1)
  with futures.ThreadPoolExecutor(workers) as pool:
    waiting = collections.deque()
    for item in items:
      waiting.append(pool.submit(function, item))
      if len(waiting) > 4 * workers:
        yield waiting.popleft().result()
    while waiting:
      yield waiting.popleft().result()
