"""A long clip, written down in windows, beside its sentences one by one.

Puts test sentences of `Talking` one behind the other and has a run write them
down: each alone; in windows that share little or much; and, by CTC, all at
once. Runs are those of `configs/talking.py`, by CTC, and of
`configs/talking_speech.py`, with a decoder that listens, in which the text of a
window has a length of its own. Models that were trained on single sentences
know no space between two, so errors are counted in letters, without spaces.
Prints a table and one JSON line.

  python benchmarks/long_speech.py runs/talking
  python benchmarks/long_speech.py runs/talking_speech
"""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jiwer
import numpy as np

from mmjax.apps.runs import run_config
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.decoders import (
  CtcWindows,
  Greedy,
  TextWindows,
  make_generate_long,
  make_transcribe,
)
from mmjax.models import Generative
from mmjax.train import read_variables

STEPS = {'audio': 640, 'video': 1}  # of a token, which is 40 ms
OVERLAPS = (2, 24, 44)
LEAST = 3  # letters in common are no chance


def sentences(data: Any, view: str, count: int, pause: int) -> list[Any]:
  """Sound, video and text of test sentences, with tokens of silence behind."""
  rows = data.source('test', view)[:count]
  found = []
  for row in rows:
    example = data.prepare(row, None)
    frames = int(example['mask']['video'].sum())
    video = example['video'][:frames]
    still = np.repeat(video[-1:], pause, axis=0)
    sound = example['audio'][: frames * STEPS['audio']]
    silence = np.zeros(pause * STEPS['audio'], np.float32)
    found.append(
      {
        'audio': np.concatenate([sound, silence]),
        'video': np.concatenate([video, still]),
        'text': row['text'],
      }
    )
  return found


def clip(parts: list[Any]) -> dict[str, Any]:
  """A batch of one clip of these parts."""
  whole = {
    name: np.concatenate([part[name] for part in parts])[None] for name in STEPS
  }
  mask = {name: np.ones(whole[name].shape[:2], bool) for name in STEPS}
  return {**whole, 'mask': mask}


def writer(config: Any, window: int, overlap: int) -> Callable[..., Any]:
  """`(variables, batch) -> {'tokens', 'mask'}`, by windows."""
  fields: Any = {'window': window, 'overlap': overlap, 'batch': 8}
  if not isinstance(config.model, Generative):
    windows = CtcWindows(steps=STEPS, **fields)
    return make_transcribe(config.model, windows)
  begin, end = ByteTokenizer()('')[0][:2].tolist()
  space = tuple(ByteTokenizer()(' ')[0][1:2].tolist())
  run = make_generate_long(
    config.model,
    Greedy(length=config.data.text_length - 1, stop=(end,)),
    TextWindows(
      steps={name: STEPS[name] for name in config.model.encoders},
      least=LEAST,
      gap=space,
      **fields,
    ),
  )

  def write(variables: Any, batch: Any) -> Any:
    prompt = np.full((len(batch['audio']), 1), begin, np.int32)
    return run(variables, prompt, prompt == begin, batch=batch)

  return write


def text_of(run: Any, variables: Any, batch: Any, given: str) -> str:
  """What the model hears in a clip, without spaces."""
  kept = set(given.split('+'))
  mask = {name: m & (name in kept) for name, m in batch['mask'].items()}
  found = run(variables, {**batch, 'mask': mask})
  text = ByteTokenizer().decode(found['tokens'][0][found['mask'][0]])
  return text.replace(' ', '')


def measure(args: argparse.Namespace) -> Mapping[str, float]:
  """Letter error rates by way."""
  config = run_config(args.workdir)
  variables = read_variables(args.workdir)
  parts = sentences(config.data, args.view, args.clips * args.each, args.pause)
  clips = [parts[i : i + args.each] for i in range(0, len(parts), args.each)]
  right = [
    ''.join(part['text'].replace(' ', '') for part in one) for one in clips
  ]
  length = max(clip(one)['video'].shape[1] for one in clips)

  def score(window: int, overlap: int, *, apart: bool = False) -> float:
    run = writer(config, window, overlap)
    found = []
    for one in clips:
      pieces = [[part] for part in one] if apart else [one]
      found.append(
        ''.join(
          text_of(run, variables, clip(piece), args.given) for piece in pieces
        )
      )
    return float(jiwer.cer(right, found))

  window = config.data.frames
  found = {'each sentence alone': score(window, 2, apart=True)}
  for n in OVERLAPS:
    found[f'windows that share {n} of {window}'] = score(window, n)
  # A decoder has places for the text of a window only.
  if not isinstance(config.model, Generative):
    found['all at once'] = score(length + 2, 2)
  return found


def main() -> None:
  """Prints the table and one JSON line."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('workdir', type=Path, help='of a run')
  parser.add_argument('--clips', type=int, default=20)
  parser.add_argument('--each', type=int, default=6, help='sentences of a clip')
  parser.add_argument('--pause', type=int, default=5, help='tokens of 40 ms')
  parser.add_argument('--view', default='default', help='such as in_step:0')
  parser.add_argument('--given', default='audio', help='or audio+video')
  args = parser.parse_args()
  found = measure(args)
  print('| way | letter error rate |\n|---|---|')
  for way, value in found.items():
    print(f'| {way} | {value:.3f} |')
  print(json.dumps({**found, 'clips': args.clips, 'each': args.each}))


if __name__ == '__main__':
  main()
