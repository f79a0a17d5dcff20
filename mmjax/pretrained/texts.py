"""From strings to the token ids that a checkpoint was trained on."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tokenizers import Tokenizer

from mmjax.pretrained.folder import read_json
from mmjax.pretrained.marks import special_tokens, tokenizer_kind
from mmjax.pretrained.vocabularies import build_tokenizer
from mmjax.types import InputError

# Classes of transformers that pad there unless a folder says otherwise.
_LEFT = ('gemma', 'llama', 'siglip2')


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextProcessor:
  """Cuts texts into tokens and pads them to one length."""

  length: int
  """Most tokens of a text; longer ones are cut."""
  pad: int = 0
  """Token id of the padding."""
  padding: Literal['longest', 'max_length'] = 'longest'
  """Length of the arrays: that of the longest text, or always `length`."""
  side: Literal['left', 'right'] = 'right'
  """Where the padding stands."""
  attend_padding: bool = False
  """Whether the padding counts as text, as it does for SigLIP."""
  tokenizer: Any = None
  """`tokenizers.Tokenizer`, or None where the folder has none."""

  def read(self, folder: Path, config: Mapping[str, Any]) -> 'TextProcessor':
    """With the folder's tokenizer, and what `tokenizer_config.json` says.

    Raises:
      InputError: a file of the tokenizer is damaged or of an unknown kind.
    """
    config = {**read_json(folder / 'special_tokens_map.json'), **config}
    kind = tokenizer_kind(config, read_json(folder / 'config.json'))
    tokenizer = read_tokenizer(folder, kind, config)
    if tokenizer is None:
      return self
    length = min(self.length, int(config.get('model_max_length') or 1e9))
    tokenizer.no_padding()
    tokenizer.enable_truncation(
      length, direction=config.get('truncation_side', 'right')
    )
    token = special_tokens(kind, config).get('pad')
    pad = None if token is None else tokenizer.token_to_id(token)
    side = 'left' if kind in _LEFT else 'right'
    return dataclasses.replace(
      self,
      length=length,
      pad=self.pad if pad is None else pad,
      side=config.get('padding_side', side),
      tokenizer=tokenizer,
    )

  def __call__(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids `[b t]`, and which are real.

    Raises:
      InputError: the folder has no tokenizer.
    """
    if self.tokenizer is None:
      raise InputError(
        'the checkpoint has no tokenizer.json and no vocabulary: give token ids'
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
      first = length - len(one) if self.side == 'left' else 0
      text[row, first : first + len(one)] = one
      mask[row, first : first + len(one)] = True
    return text, mask | self.attend_padding


def read_tokenizer(folder: Path, kind: str, config: Mapping[str, Any]) -> Any:
  """The tokenizer of a folder, None if it has none.

  Raises:
    InputError: its file is damaged or of an unknown kind.
  """
  file = folder / 'tokenizer.json'
  # transformers reads the model of this one even where there are both.
  own = kind == 'siglip' and (folder / 'spiece.model').exists()
  if own or not file.exists():
    return build_tokenizer(folder, kind, config)
  try:
    return Tokenizer.from_file(str(file))
  except Exception as error:
    raise InputError(f'{file} is not a tokenizer: {error}') from error
