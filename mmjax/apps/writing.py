"""What makes texts: a run's own way to decode, or that of a checkpoint."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from mmjax.apps.cells import record_of
from mmjax.apps.long_sounds import LongSounds
from mmjax.data.sources import arrays
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.decoders.ctc import CtcGreedy
from mmjax.evaluators.generation import Generation
from mmjax.pretrained.folder import read_json
from mmjax.types import InputError

_LONGEST = 1800.0  # seconds of a sound that are transcribed at most

Write = Callable[..., list[str]]


def longest(checkpoint: Any) -> float:
  """Seconds of a sound that a checkpoint hears at most."""
  of_run = isinstance(checkpoint.writes, _OfRun)
  if of_run and checkpoint.writes.long is None:
    return checkpoint.records.audio_seconds
  return _LONGEST


def of_run(config: Any, model: Any) -> Write | None:
  """The way in which a run's texts were scored, None if it writes none."""
  told = [e for e in config.evaluators.values() if isinstance(e, Generation)]
  if not told:
    return None
  first = told[0]
  data = config.data
  tokenizer = getattr(data, 'tokenizer', None)
  if tokenizer is None:
    tokenizer = ByteTokenizer(length=getattr(data, 'text_length', 96))
  return _OfRun(told=first, model=model, tokenizer=tokenizer)


def of_pretrained(loaded: Any) -> Write | None:
  """How a checkpoint transcribes, None if it does not."""
  encoders = getattr(loaded.model, 'encoders', {})
  if 'audio' not in encoders:
    return None
  if loaded.architecture.generate is not None:
    return functools.partial(_generate, loaded)
  if not isinstance(read_json(loaded.source / 'vocab.json'), dict):
    return None
  if not str(loaded.config.get('architectures', '')).count('ForCTC'):
    return None
  return functools.partial(_ctc, loaded)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _OfRun:
  """Decodes behind a prompt, or by CTC."""

  told: Generation
  model: Any
  tokenizer: Any

  @functools.cached_property
  def long(self) -> Any:
    """How it writes about sounds of any length; None if it cannot."""
    return LongSounds.of(self.told.decode, self.model, self.tokenizer)

  def __call__(
    self, checkpoint: Any, inputs: Sequence[Any], prompt: str
  ) -> list[str]:
    rows = [self._with_prompt(checkpoint.prepare(i), prompt) for i in inputs]
    if self.long is not None:
      rate = checkpoint.records.audio_rate
      found = self.long(checkpoint.variables, rows, _sounds(inputs, rate))
    else:
      found = checkpoint.run_on(self._run, rows)
    return [
      self.tokenizer.decode(ids[mask]).strip()
      for ids, mask in zip(found['tokens'], found['mask'], strict=True)
    ]

  def _with_prompt(self, row: Any, prompt: str) -> Any:
    if isinstance(self.told.decode, CtcGreedy):
      return row
    ids, mask = self.tokenizer(prompt)
    # The end of the prompt is not the end of what is written.
    last = max(int(mask.sum()) - 1, 1)
    mask = mask & (np.arange(mask.size) < last)
    target = self.told.target
    found = {**row, target: ids, 'mask': {**row['mask'], target: mask}}
    if self.told.only is not None:
      found[self.told.only] = np.zeros(mask.shape, bool)
    return found

  @functools.cached_property
  def _run(self) -> Any:
    decode, model = self.told.decode, self.model

    def run(variables: Any, batch: Any) -> Any:
      found = decode(model, variables, batch)
      return {name: found[name] for name in ('tokens', 'mask')}

    return jax.jit(run)


def _sounds(inputs: Sequence[Any], rate: int) -> list[np.ndarray]:
  sounds = []
  for one in inputs:
    record = record_of(one)
    cell = record.cells.get('audio')
    if cell is None:
      raise InputError('there is no sound to transcribe')
    sounds.append(arrays.sound(cell, seconds=_LONGEST, rate=rate))
  return sounds


def _generate(
  loaded: Any, checkpoint: Any, inputs: Sequence[Any], prompt: str
) -> list[str]:
  """Whisper: windows of 30 seconds, one after the other."""
  del checkpoint, prompt
  rate = loaded.preprocess.audio.rate
  found = loaded.generate(audio=_sounds(inputs, rate), sampling_rate=rate)
  if found['text'] is None:
    raise InputError(f'{loaded.source} has no tokenizer')
  return [text.strip() for text in found['text']]


def _ctc(
  loaded: Any, checkpoint: Any, inputs: Sequence[Any], prompt: str
) -> list[str]:
  """wav2vec 2.0 and HuBERT: letters, with `|` between words."""
  del checkpoint, prompt
  rate = loaded.preprocess.audio.rate
  letters = {i: x for x, i in read_json(loaded.source / 'vocab.json').items()}
  blank = int(loaded.config.get('pad_token_id') or 0)
  texts = []
  for sound in _sounds(inputs, rate):
    batch = loaded.preprocess(audio=[sound], sampling_rate=rate)
    best = np.asarray(loaded.apply(batch)['logits'])[0].argmax(axis=-1)
    ids = [
      i
      for k, i in enumerate(best)
      if i != blank and (not k or i != best[k - 1])
    ]
    said = [letters.get(int(i), '') for i in ids]
    said = [x for x in said if not (x.startswith('<') and x.endswith('>'))]
    texts.append(' '.join(''.join(said).replace('|', ' ').split()))
  return texts
