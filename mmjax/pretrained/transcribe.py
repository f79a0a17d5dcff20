"""What Whisper writes of a sound: one window of 30 seconds after the other.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/whisper/generation_whisper.py
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from mmjax.decoders.generate import Decoding, make_generate
from mmjax.decoders.logits import Suppress, Timestamps
from mmjax.decoders.steps import Rule
from mmjax.pretrained.generation import Options, as_ids, words
from mmjax.pretrained.prompts import make_prompts
from mmjax.types import InputError

_STRIDE = 2  # frames of the spectrogram for each token, and for each time


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given:
  """In place of a spectrogram, where that was computed before."""

  def __call__(self, x: Any, mask: Any) -> tuple[Any, Any]:
    """Gives what it is given."""
    return x, mask


def transcribe(
  loaded: Any,
  options: Options,
  *,
  audio: Any = None,
  sampling_rate: int | None = None,
  language: str | Sequence[str] | None = None,
  task: str | None = None,
  timestamps: bool | None = None,
) -> dict[str, Any]:
  """Token ids of what is said, and the text that they are.

  A sound that is longer than a window is heard in several: the next begins at
  the last time that was written.

  Args:
    loaded: `Pretrained` of a Whisper.
    options: how to write.
    audio: sounds, as for `Preprocess`, of any lengths.
    sampling_rate: samples per second of arrays.
    language: what is spoken, such as `en`, for all sounds or for each; what
      the checkpoint says or hears if None.
    task: `transcribe` or `translate`, into English.
    timestamps: whether times are written, too; always for long sounds.

  Raises:
    InputError: there is no sound, or the checkpoint has no such language, task
      or times.
  """
  if audio is None:
    raise InputError('no audio is given')
  features = _features(loaded, audio, sampling_rate)
  window = loaded.model.encoders['audio'].spectrogram
  frames = window.length // window.hop
  said = loaded.generation
  long = max(map(len, features)) > frames
  if timestamps is None:
    timestamps = said.get('return_timestamps')
  if long and timestamps is False:
    raise InputError(
      f'a sound of more than {frames} frames is cut by the times in its text: '
      'timestamps=False does not go with it'
    )
  timed = long or bool(timestamps)
  zero = _first_time(said, timed)
  run = _runner(loaded, frames)
  first = [_window(x, 0, frames) for x in features]
  prompts = make_prompts(
    loaded, run, first, timed=timed, language=language, task=task
  )
  decoding = options.decoding(
    said,
    length=_length(loaded, options, len(prompts[0])),
    rules=_rules(said, timed, zero),
  )
  tokens = _listen(run, decoding, features, prompts, frames=frames, zero=zero)
  texts = [[i for i in row if zero is None or i < zero] for row in tokens]
  width = max(1, max(map(len, tokens)))
  padded = np.full((len(tokens), width), decoding.pad, np.int32)
  for row, found in zip(padded, tokens, strict=True):
    row[: len(found)] = found
  return {'tokens': padded, 'text': words(loaded, texts)}


def _listen(
  run: Any,
  decoding: Decoding,
  features: Sequence[np.ndarray],
  prompts: np.ndarray,
  *,
  frames: int,
  zero: int | None,
) -> list[list[int]]:
  """Goes through all windows of all sounds, those of a moment together."""
  seek = [0] * len(features)
  written: list[list[int]] = [[] for _ in features]
  while any(s < len(x) for s, x in zip(seek, features, strict=True)):
    windows = [
      _window(x, s, frames) for s, x in zip(seek, features, strict=True)
    ]
    found = run(decoding, windows, prompts)
    for i, x in enumerate(features):
      left = min(len(x) - seek[i], frames)
      if left <= 0:
        continue
      row = found.tokens[i][found.mask[i]].tolist()
      if row and row[-1] in decoding.stop:
        row = row[:-1]
      kept, step = cut(row, zero, left)
      written[i] += kept
      seek[i] += step
  return written


def cut(
  tokens: list[int], zero: int | None, left: int
) -> tuple[list[int], int]:
  """What of a window's tokens stays, and how many frames they are about.

  Where pieces end before the window does, the next window begins there.

  Args:
    tokens: ids of the window.
    zero: id of time 0; None if there are no times.
    left: frames of the window that are not padding.
  """
  times = [zero is not None and token >= zero for token in tokens]
  pairs = [i for i in range(1, len(times)) if times[i - 1] and times[i]]
  if not pairs or zero is None or times[-2:] == [False, True]:
    return tokens, left
  step = (tokens[pairs[-1] - 1] - zero) * _STRIDE
  return tokens[: pairs[-1] + 1], step if step > 0 else left


def _features(loaded: Any, audio: Any, rate: int | None) -> list[np.ndarray]:
  """The spectrogram of each sound, filled up with silence to a window."""
  processor = loaded.preprocess.audio
  whole = dataclasses.replace(
    loaded.preprocess,
    audio=dataclasses.replace(processor, length=None, padding='longest'),
  )
  batch = whole(audio=audio, sampling_rate=rate)
  mel = loaded.model.encoders['audio'].spectrogram
  found = []
  for x, mask in zip(batch['audio'], batch['mask']['audio'], strict=True):
    samples = max(int(mask.sum()), mel.length)
    x = np.pad(x, (0, max(0, samples - len(x))))[:samples]
    found.append(np.asarray(loaded.program(_make_mel, samples)(x[None])[0]))
  return found


def _make_mel(model: Any, samples: int) -> Any:
  mel = model.encoders['audio'].spectrogram
  mel = dataclasses.replace(mel, length=samples)
  return jax.jit(lambda x: mel(x, jnp.ones(x.shape, bool))[0])


def _window(features: np.ndarray, seek: int, frames: int) -> np.ndarray:
  part = features[seek : seek + frames]
  return np.pad(part, ((0, frames - len(part)), (0, 0)))


def _runner(loaded: Any, frames: int) -> Any:
  """`(decoding, windows, prompts) -> Generated` in NumPy."""

  def run(decoding: Decoding, windows: Sequence[np.ndarray], prompts: Any):
    prompts = np.asarray(prompts, np.int32)
    here = np.ones((len(windows), frames), bool)
    batch = {'audio': np.stack(windows), 'mask': {'audio': here}}
    found = loaded.program(_make_writer, decoding)(
      loaded.variables, prompts, np.ones(prompts.shape, bool), batch=batch
    )
    return jax.tree.map(np.asarray, found)

  return run


def _make_writer(model: Any, decoding: Decoding) -> Any:
  encoders = {
    name: encoder.copy(spectrogram=Given())
    for name, encoder in model.encoders.items()
  }
  hears: nn.Module = model.copy(encoders=encoders)
  return make_generate(hears, decoding)


def _length(loaded: Any, options: Options, prompt: int) -> int:
  """Most ids that a window may have."""
  most = loaded.model.decoder.positions.length
  asked = options.max_new_tokens
  if asked is not None and prompt + asked > most:
    raise InputError(
      f'max_new_tokens {asked} and the {prompt} tokens of the prompt are more '
      f'than the {most} that the checkpoint has places for'
    )
  said = loaded.generation.get('max_length') or most
  return min(said, most - prompt) if asked is None else asked


def _rules(
  said: Mapping[str, Any], timed: bool, zero: int | None
) -> tuple[Rule, ...]:
  """What may not be written."""
  rules: list[Rule] = []
  if said.get('begin_suppress_tokens'):
    tokens = tuple(said['begin_suppress_tokens'])
    rules.append(Suppress(tokens=tokens, first_only=True))
  if said.get('suppress_tokens'):
    rules.append(Suppress(tokens=tuple(said['suppress_tokens'])))
  if timed and zero is not None:
    end = (*as_ids(said.get('eos_token_id')), said.get('bos_token_id') or 0)[0]
    latest = said.get('max_initial_timestamp_index')
    rules.append(Timestamps(first=zero, end=end, latest_start=latest))
  return tuple(rules)


def _first_time(said: Mapping[str, Any], timed: bool) -> int | None:
  """The id of time 0, behind the one that says that there are no times.

  Raises:
    InputError: there should be times, and the checkpoint has none.
  """
  without = said.get('no_timestamps_token_id')
  if without is None and timed:
    raise InputError(
      'generation_config.json has no no_timestamps_token_id: there are no '
      'times, and no long sounds'
    )
  return None if without is None else without + 1
