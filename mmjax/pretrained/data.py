"""What a data set needs to prepare examples as a checkpoint wants them.

Both only hold the checkpoint's name, so that workers and JSON can have them;
its files are read where and when they are needed.
"""

import dataclasses
import functools

import numpy as np
from jaxtyping import Bool, Int, UInt8
from tokenizers import Tokenizer

from mmjax.pretrained.checkpoint import Checkpoint, find
from mmjax.pretrained.folder import read_json
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.texts import TextProcessor
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class PixelsFor:
  """Resizes and crops pictures as a checkpoint's folder says: a transform."""

  checkpoint: str
  """Folder in the Hugging Face format, or `owner/model` of the hub."""
  image_size: int | None = None
  """Side of the result in pixels; None as the checkpoint says."""

  def __call__(
    self,
    image: UInt8[np.ndarray, 'h w c'],
    rng: np.random.Generator | None = None,
  ) -> UInt8[np.ndarray, 'H W c']:
    """The resized picture; draws nothing."""
    del rng
    return _image(self.checkpoint, self.image_size)([image])[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokensFor:
  """Texts as a checkpoint's token ids, all of one length, and back."""

  checkpoint: str
  """Folder in the Hugging Face format, or `owner/model` of the hub."""
  length: int | None = None
  """Tokens of each text, those around it included; None for as many as the
  checkpoint takes."""

  def __post_init__(self):
    """Checks the length."""
    if self.length is not None and self.length < 1:
      raise InputError(f'length {self.length} is below 1')

  def __call__(
    self, text: str
  ) -> tuple[Int[np.ndarray, ' t'], Bool[np.ndarray, ' t']]:
    """Ids of a text, cut or padded, and which of them are real."""
    ids, mask = _text(self.checkpoint, self.length)([text])
    return ids[0], mask[0]

  def encode(self, text: str) -> list[int]:
    """Ids of a whole text, without any around it: a piece of a longer one.

    Marks that the checkpoint's tokenizer knows, such as `<|im_start|>`, become
    one id.
    """
    return _uncut(self.checkpoint).encode(text, add_special_tokens=False).ids

  def decode(self, ids: Int[np.ndarray, ' t']) -> str:
    """Text of ids, without those that only mark its ends."""
    tokenizer = _text(self.checkpoint, self.length).tokenizer
    return tokenizer.decode([int(one) for one in ids])


_find = functools.cache(find)


@functools.cache
def _image(name: str, size: int | None) -> ImageProcessor:
  image = _find(name, image_size=size).preprocess.image
  if image is None:
    raise InputError(f'{name} takes no pictures')
  return image


@functools.cache
def _text(name: str, length: int | None) -> TextProcessor:
  checkpoint: Checkpoint = _find(name)
  text = checkpoint.architecture.text
  if text is None:
    raise InputError(f'{name} takes no texts')
  length = text.length if length is None else min(length, text.length)
  text = dataclasses.replace(text, length=length, padding='max_length')
  found = text.read(
    checkpoint.source, read_json(checkpoint.source / 'tokenizer_config.json')
  )
  if found.tokenizer is None:
    raise InputError(f'{name} has no tokenizer.json and no vocabulary')
  return found


@functools.cache
def _uncut(name: str) -> Tokenizer:
  """A tokenizer of its own that cuts nothing."""
  tokenizer = Tokenizer.from_str(_text(name, None).tokenizer.to_str())
  tokenizer.no_truncation()
  return tokenizer
