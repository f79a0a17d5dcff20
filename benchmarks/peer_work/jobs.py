"""The rows of the table: what each side runs."""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

from peer_work import (
  audio,
  clip,
  compiling,
  matmul,
  speech,
  starting,
  text,
)
from peer_work.work import Work

Make = Callable[[], Work]


class Job(NamedTuple):
  """A row.

  Attributes:
    what: as the table calls it.
    sides: `mmjax` first, and whoever does the same work.
  """

  what: str
  sides: Mapping[str, Make]


def _clip(shape: clip.Shape) -> dict[str, Make]:
  part = functools.partial
  return {
    'mmjax': part(clip.ours_training, shape),
    'transformers': part(clip.theirs_training, shape),
    'transformers, compiled': part(clip.theirs_training, shape, compiled=True),
  }


def _embedding(tower: str) -> dict[str, Make]:
  part = functools.partial
  shape = clip.SMALL
  return {
    'mmjax': part(clip.ours_embedding, shape, tower),
    'transformers': part(clip.theirs_embedding, shape, tower),
    'transformers, compiled': part(
      clip.theirs_embedding, shape, tower, compiled=True
    ),
  }


def _mel(kind: str) -> dict[str, Make]:
  part = functools.partial
  return {
    'mmjax': part(audio.ours_mel, kind),
    'transformers': part(audio.theirs_mel, kind),
  }


JOBS = {
  'matmul': Job(
    'product of 2048 x 2048 matrices',
    {'mmjax': matmul.ours, 'torch': matmul.theirs},
  ),
  'clip_16': Job('CLIP, step of 16 pairs', _clip(clip.SMALL)),
  'clip_64': Job('the same of 64', _clip(clip.SMALL._replace(batch=64))),
  'clip_base': Job('CLIP ViT-B/32, step of 16', _clip(clip.BASE)),
  'image': Job('CLIP, 16 pictures embedded', _embedding('image')),
  'text': Job('CLIP, 16 texts embedded', _embedding('text')),
  'ast': Job(
    'AST, 2 clips of 10 s',
    {
      'mmjax': audio.ours_ast,
      'transformers': audio.theirs_ast,
      'transformers, compiled': functools.partial(
        audio.theirs_ast, compiled=True
      ),
    },
  ),
  'mel_kaldi': Job('spectrograms of AST, 8 clips of 10 s', _mel('kaldi')),
  'mel_whisper': Job(
    'spectrograms of Whisper, 8 clips of 30 s',
    {**_mel('whisper'), 'librosa': audio.librosa_mel},
  ),
  'whisper': Job(
    'Whisper-tiny, 64 tokens for 8 clips',
    {'mmjax': speech.ours, 'transformers': speech.theirs},
  ),
  'bert': Job(
    'BERT-base, 64 texts of 4 to 128 tokens',
    {
      'mmjax': text.ours,
      'transformers': text.theirs,
      'transformers, compiled': functools.partial(text.theirs, compiled=True),
    },
  ),
  'start': Job(
    'digits: start to first step',
    {'mmjax': functools.partial(starting.ours, cached=False)},
  ),
  'start_cached': Job(
    'the same, compiled before',
    {'mmjax': functools.partial(starting.ours, cached=True)},
  ),
  **{
    f'depth_{depth}': Job(
      f'compiling a step of {depth} layers',
      {
        'mmjax': functools.partial(compiling.ours, depth),
        'mmjax, scanned': functools.partial(
          compiling.ours, depth, scanned=True
        ),
      },
    )
    for depth in (6, 12, 24)
  },
}
