"""From strings to the token ids that a checkpoint was trained on."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tokenizers import BertWordPieceTokenizer, Tokenizer

from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextProcessor:
  """Cuts texts into tokens and pads them to one length."""

  length: int
  """Most tokens of a text; longer ones are cut."""
  pad: int = 0
  """Token id of the padding."""
  padding: Literal['longest', 'max_length'] = 'longest'
  """Length of the arrays: that of the longest text, or always `length`."""
  attend_padding: bool = False
  """Whether the padding counts as text, as it does for SigLIP."""
  tokenizer: Any = None
  """`tokenizers.Tokenizer`, or None where the folder has none."""

  def read(self, folder: Path, config: Mapping[str, Any]) -> 'TextProcessor':
    """With the folder's tokenizer, and what `tokenizer_config.json` says."""
    tokenizer = read_tokenizer(folder, config)
    if tokenizer is None:
      return self
    length = min(self.length, int(config.get('model_max_length') or 1e9))
    tokenizer.no_padding()
    tokenizer.enable_truncation(length)
    token = config.get('pad_token')
    token = token['content'] if isinstance(token, Mapping) else token
    pad = None if token is None else tokenizer.token_to_id(token)
    return dataclasses.replace(
      self,
      length=length,
      pad=self.pad if pad is None else pad,
      tokenizer=tokenizer,
    )

  def __call__(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids `[b t]`, and which are real.

    Raises:
      InputError: the folder has no tokenizer.
    """
    if self.tokenizer is None:
      raise InputError(
        'the checkpoint has no tokenizer.json (nor vocab.txt): give token ids'
      )
    found = [one.ids for one in self.tokenizer.encode_batch(list(texts))]
    return self.stack(found)

  def stack(
    self, ids: Sequence[Sequence[int]]
  ) -> tuple[np.ndarray, np.ndarray]:
    """Pads lists of ids."""
    longest = max((len(one) for one in ids), default=0)
    length = self.length if self.padding == 'max_length' else max(longest, 1)
    text = np.full((len(ids), length), self.pad, np.int32)
    mask = np.zeros(text.shape, bool)
    for row, one in enumerate(ids):
      text[row, : len(one)] = one
      mask[row, : len(one)] = True
    return text, mask | self.attend_padding


def read_tokenizer(folder: Path, config: Mapping[str, Any]) -> Any:
  """The tokenizer of a folder, None if it has none.

  Raises:
    InputError: its file is damaged.
  """
  file = folder / 'tokenizer.json'
  if file.exists():
    try:
      return Tokenizer.from_file(str(file))
    except Exception as error:
      raise InputError(f'{file} is not a tokenizer: {error}') from error
  words = folder / 'vocab.txt'
  if words.exists():
    lower = bool(config.get('do_lower_case', True))
    made: Any = BertWordPieceTokenizer(str(words), lowercase=lower)
    return made._tokenizer
  return None
