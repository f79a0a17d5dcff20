"""A long clip, written down in windows, beside its sentences one by one.

Puts test sentences of `configs/talking.py` one behind the other and has a run
of it write them down: each alone; in windows that share little or much; all at
once. The model was trained on single sentences and knows no space between two,
so errors are counted in letters, without spaces. Prints a table and one JSON
line.

  python benchmarks/long_speech.py runs/talking
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jiwer
import numpy as np

from mmjax.data.tokenizers import ByteTokenizer
from mmjax.decoders import CtcWindows, make_transcribe
from mmjax.train import read_variables
from mmjax.train.config import load_config

ROOT = Path(__file__).parents[1]
STEPS = {'audio': 640, 'video': 1}  # of a token, which is 40 ms
OVERLAPS = (2, 24, 44)


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


def write(transcribe: Any, variables: Any, batch: Any, given: str) -> str:
  """What the model hears in a clip, without spaces."""
  kept = set(given.split('+'))
  mask = {name: m & (name in kept) for name, m in batch['mask'].items()}
  found = transcribe(variables, {**batch, 'mask': mask})
  text = ByteTokenizer().decode(found['tokens'][0][found['mask'][0]])
  return text.replace(' ', '')


def measure(args: argparse.Namespace) -> Mapping[str, float]:
  """Letter error rates by way."""
  config = load_config(ROOT / 'configs' / 'talking.py')
  variables = read_variables(args.workdir)
  parts = sentences(config.data, args.view, args.clips * args.each, args.pause)
  clips = [parts[i : i + args.each] for i in range(0, len(parts), args.each)]
  right = [
    ''.join(part['text'].replace(' ', '') for part in one) for one in clips
  ]
  length = max(clip(one)['video'].shape[1] for one in clips)

  def score(window: int, overlap: int, *, apart: bool = False) -> float:
    transcribe = make_transcribe(
      config.model,
      CtcWindows(steps=STEPS, window=window, overlap=overlap, batch=8),
    )
    found = []
    for one in clips:
      pieces = [[part] for part in one] if apart else [one]
      found.append(
        ''.join(
          write(transcribe, variables, clip(piece), args.given)
          for piece in pieces
        )
      )
    return float(jiwer.cer(right, found))

  window = config.data.frames
  return {
    'each sentence alone': score(window, 2, apart=True),
    **{
      f'windows that share {n} of {window}': score(window, n) for n in OVERLAPS
    },
    'all at once': score(length + 2, 2),
  }


def main() -> None:
  """Prints the table and one JSON line."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('workdir', type=Path, help='of a run of talking.py')
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
