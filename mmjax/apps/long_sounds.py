"""Sounds that are longer than those that a run was trained on."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from mmjax.data.dataset import Example
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.decoders import Sample, TextWindows, Write, make_generate_long

_SHARED = 3 / 8  # of a window, with the next one
_LETTERS = 3  # that two windows have in common, to be joined there


@dataclasses.dataclass(kw_only=True, eq=False)
class LongSounds:
  """Writes what is said in sounds of any length, in windows.

  Windows are as long as the sounds of training; a sound that is no longer is
  one window, and is written as in training.
  """

  decode: Write
  """How the run writes."""
  model: Any
  """Hears sounds, and nothing else."""
  tokenizer: Any
  """Of what it writes."""
  programs: dict[int, Any] = dataclasses.field(default_factory=dict)
  """Samples of a window -> what writes."""

  @classmethod
  def of(cls, decode: Any, model: Any, tokenizer: Any) -> 'LongSounds | None':
    """The same for a run that can; None for one that cannot.

    Windows that are drawn by chance would not agree where they overlap.
    """
    if set(getattr(model, 'encoders', ())) != {'audio'}:
      return None
    if not isinstance(decode, Write) or isinstance(decode.decoding, Sample):
      return None
    return cls(decode=decode, model=model, tokenizer=tokenizer)

  def __call__(
    self,
    variables: Mapping[str, Any],
    rows: Sequence[Example],
    sounds: Sequence[Float[np.ndarray, ' _']],
  ) -> dict[str, np.ndarray]:
    """Writes.

    Args:
      variables: of the model.
      rows: each with the prompt, and as much of the sound as in training.
      sounds: all of them.

    Returns:
      `tokens` and their `mask`, `[b m]`.
    """
    target = self.decode.target
    told: Any = {name: np.stack([r[name] for r in rows]) for name in self._read}
    told['mask'] = {target: np.stack([r['mask'][target] for r in rows])}
    text, mask = self.decode.prompt(told)
    longest = max(sound.size for sound in sounds)
    audio = np.zeros((len(sounds), longest), np.float32)
    heard = np.zeros(audio.shape, bool)
    for i, sound in enumerate(sounds):
      audio[i, : sound.size] = sound
      heard[i, : sound.size] = True
    write = self._program(rows[0]['audio'].size)
    batch = {'audio': audio, 'mask': {'audio': heard}}
    return write(variables, text, mask, batch=batch)

  @property
  def _read(self) -> tuple[str, ...]:
    """What a prompt is made of."""
    only = self.decode.only
    return (self.decode.target, *(() if only is None else (only,)))

  def _program(self, window: int) -> Any:
    if window not in self.programs:
      letters = isinstance(self.tokenizer, ByteTokenizer)
      space = ByteTokenizer()(' ')[0][1:2].tolist() if letters else []
      windows = TextWindows(
        steps={'audio': 1},
        window=window,
        overlap=int(_SHARED * window),
        least=_LETTERS if letters else 1,
        gap=tuple(space),
      )
      decoding = self.decode.decoding
      made = make_generate_long(self.model, decoding, windows)
      self.programs[window] = made
    return self.programs[window]
