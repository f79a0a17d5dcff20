"""Loading: pictures and clips a second and core; a run's wait for data.

Pictures are JPEG, of which a random part is resized to 224 pixels and mirrored
at random; clips are 3 s of FLAC at 44.1 kHz, resampled to 16 kHz, made louder
or softer, and put into noise. The same work is done in four ways, in turns:

  decode  Pillow or soundfile alone, an array of each file
  bare    all of the work, on one example after the other, written with
          Pillow, soundfile and NumPy for this alone; nothing is batched
  mmjax   `train_batches` of `Records`: in the order of a seed, batched
  torch   `DataLoader` over what `bare` does, shuffled and batched, where torch
          is installed

Rates are examples over the seconds of processor that the process took, all of
its threads together, so that a busy machine matters little: median of turns.
`--workdir` names a run, such as one of configs/stamps.py, and adds the share of
its time that it waited for data, after a tenth of its steps.

  python benchmarks/loader.py [--turns 5] [--workdir runs/stamps]
"""

import argparse
import dataclasses
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from PIL import Image

from mmjax.data import train_batches
from mmjax.data.sources import Records
from mmjax.data.transforms import (
  RandomFlip,
  RandomGain,
  RandomNoise,
  RandomResizedCrop,
)

SIZE, SECONDS, RATE = 224, 3.0, 16_000
SHAPES = ((500, 375), (640, 480), (1024, 768))
BATCH, BATCHES = 32, 4
FILES, RECORDS = 48, 8192  # each file is many records
Work = Callable[[Path, np.random.Generator | None], np.ndarray]
Run = Callable[[], tuple[int, float]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counted(Records):
  """Records that count what was prepared, also what nobody took."""

  counts: list[int] = dataclasses.field(default_factory=list)

  def prepare(self, example: Any, rng: Any) -> Any:
    """Arrays of one record, counted."""
    found = super().prepare(example, rng)
    self.counts.append(1)
    return found


def picture(file: Path, rng: np.random.Generator | None) -> np.ndarray:
  """A part of a picture; all of it, as it is, if nothing is to be drawn."""
  with Image.open(file) as image:
    image = image.convert('RGB')
  if rng is None:
    return np.asarray(image)
  box = RandomResizedCrop(size=SIZE).box(
    np.broadcast_to(np.uint8(0), (image.height, image.width, 3)), rng
  )
  image = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box)
  if rng.random() < 0.5:
    image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
  return np.array(image)


def clip(file: Path, rng: np.random.Generator | None) -> np.ndarray:
  """A sound in noise; all of it, as it is, if nothing is to be drawn."""
  x, rate = soundfile.read(file, dtype='float32', always_2d=True)
  if rng is None:
    return x
  x = soxr.resample(x.mean(axis=1), rate, RATE)
  x *= np.float32(10 ** (rng.uniform(-12, 6) / 20))
  noise = rng.standard_normal(len(x), np.float32)
  level = 10 ** (-rng.uniform(5, 30) / 20)
  x += np.float32(level * x.std() / noise.std()) * noise
  padded = np.zeros(round(SECONDS * RATE), np.float32)
  x = x[: len(padded)]
  padded[: len(x)] = x
  return padded


def write(folder: Path) -> None:
  """Photograph-like pictures, and noise with the spectrum of speech."""
  rng = np.random.default_rng(0)
  for number in range(FILES):
    (folder / 'image' / str(number % 2)).mkdir(parents=True, exist_ok=True)
    (folder / 'audio' / str(number % 2)).mkdir(parents=True, exist_ok=True)
    size = SHAPES[number % len(SHAPES)]
    small = rng.integers(0, 256, (12, 16, 3), np.uint8)
    image = np.asarray(Image.fromarray(small).resize(size, Image.BICUBIC))
    image = image + rng.normal(0, 8, image.shape)
    image = np.clip(image, 0, 255).astype(np.uint8)
    name = f'{number % 2}/{number}'
    Image.fromarray(image).save(folder / f'image/{name}.jpg', quality=90)
    x = np.cumsum(rng.normal(size=round(SECONDS * 44_100)))
    x = 0.5 * (x - x.mean()) / np.abs(x).max()
    soundfile.write(folder / f'audio/{name}.flac', x, 44_100)
  for kind, suffix in ('image', 'jpg'), ('audio', 'flac'):
    # Grain shuffles a few dozen rows slowly: milliseconds each.
    rows = [
      {'name': str(i), kind: f'{i % 2}/{i % FILES}.{suffix}', 'label': i % 2}
      for i in range(RECORDS)
    ]
    lines = '\n'.join(json.dumps(row) for row in rows)
    (folder / kind / 'all.jsonl').write_text(lines)


def ways(folder: Path, kind: str, work: Work) -> dict[str, Run]:
  """What is measured; each gives examples and seconds of processor."""
  files = sorted((folder / kind).glob('*/*.*'))
  count = BATCH * BATCHES

  def each(rng: np.random.Generator | None) -> tuple[int, float]:
    start = time.process_time()
    for number in range(count):
      work(files[number % len(files)], rng)
    return count, time.process_time() - start

  data = Counted(
    root=str(folder / kind / 'all.jsonl'),
    modalities=(kind,),
    image_size=SIZE,
    audio_seconds=SECONDS,
    augment=(RandomResizedCrop(size=SIZE), RandomFlip()),
    augment_audio=(RandomGain(), RandomNoise(rate=1.0)),
  )

  def ours() -> tuple[int, float]:
    with train_batches(data, batch_size=BATCH, seed=0) as batches:
      next(batches)  # not to count the start
      before, start = len(data.counts), time.process_time()
      for _ in range(BATCHES):
        next(batches)
    return len(data.counts) - before, time.process_time() - start

  found = {
    'decode': lambda: each(None),
    'bare': lambda: each(np.random.default_rng(0)),
    'mmjax': ours,
  }
  if importlib.util.find_spec('torch'):
    found['torch'] = _torch(files, work, count)
  return found


def _torch(files: Sequence[Path], work: Work, count: int) -> Run:
  import torch
  from torch.utils.data import DataLoader, RandomSampler

  torch.set_num_threads(1)
  rng = np.random.default_rng(0)

  class Files(torch.utils.data.Dataset):
    def __len__(self):
      return len(files)

    def __getitem__(self, number):
      x = torch.from_numpy(work(files[number], rng))
      return x, int(files[number].parent.name)

  def run() -> tuple[int, float]:
    sampler = RandomSampler(
      Files(), replacement=True, num_samples=count + BATCH
    )
    batches = iter(DataLoader(Files(), batch_size=BATCH, sampler=sampler))
    next(batches)
    start = time.process_time()
    for _ in range(BATCHES):
      next(batches)
    return count, time.process_time() - start

  return run


def waited(workdir: Path) -> float:
  """Share of a run's time that it waited for data."""
  with (workdir / 'metrics.jsonl').open() as f:
    rows = [json.loads(line) for line in f]
  last = max(row['step'] for row in rows)
  rows = [
    row
    for row in rows
    if row['split'] == 'train'
    and 'data_seconds' in row
    and row['step'] > last / 10
  ]
  # Time of all steps between two lines, not the median of them.
  batch = json.loads((workdir / 'config.json').read_text())['batch_size']
  whole = sum(batch / row['examples_per_second'] for row in rows)
  return sum(row['data_seconds'] for row in rows) / whole


def main() -> None:
  """Measures and prints."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--turns', type=int, default=5)
  parser.add_argument('--workdir', type=Path)
  args = parser.parse_args()
  results: dict[str, Any] = {}
  print('| | | per second and core | of decode | of bare |')
  print('|---|---|---|---|---|')
  with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    write(folder)
    for kind, work in ('image', picture), ('audio', clip):
      rates = measure(ways(folder, kind, work), args.turns)
      for way, found in rates.items():
        # Ratios within a turn: the machine is the same then.
        decode, bare = (
          statistics.median(
            a / b for a, b in zip(found, rates[other], strict=True)
          )
          for other in ('decode', 'bare')
        )
        rate = statistics.median(found)
        results[f'{kind}_{way}'] = round(rate, 1)
        results[f'{kind}_{way}_of_decode'] = round(decode, 3)
        results[f'{kind}_{way}_of_bare'] = round(bare, 3)
        print(f'| {kind} | {way} | {rate:.0f} | {decode:.2f} | {bare:.2f} |')
  if args.workdir is not None:
    results['waited_for_data'] = round(waited(args.workdir), 4)
    print(f'\n{args.workdir} waited for data {results["waited_for_data"]:.2%}')
  print(json.dumps(results))


def measure(found: dict[str, Run], turns: int) -> dict[str, list[float]]:
  """Rates of each way in each turn; the first turn does not count."""
  rates: dict[str, list[float]] = {name: [] for name in found}
  for turn in range(turns + 1):
    for name, run in found.items():
      count, seconds = run()
      if turn:
        rates[name].append(count / seconds)
  return rates


if __name__ == '__main__':
  main()
