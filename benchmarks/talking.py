"""What the lips add to the sound: word error rate against noise, as a curve.

Reads what the last evaluation of a run of `configs/talking.py` found, prints a
table and one JSON line, and draws the curve.

  python benchmarks/talking.py runs/talking [--out docs/images/talking.png]
"""

import argparse
import json
from pathlib import Path

import runs
from mmjax.evaluators import figures
from mmjax.types import InputError

# What is given, and how it is drawn: color, dashes.
CURVES = {
  ('in_step', 'audio+video'): ('sound and lips', figures.BLUE, 'solid'),
  ('in_step', 'audio'): ('sound alone', figures.RED, 'solid'),
  ('in_step', 'video'): ('lips alone', figures.GREEN, 'solid'),
  ('out_of_step', 'audio+video'): (
    'sound and lips out of step',
    figures.BLUE,
    'dashed',
  ),
}


def read(workdir: Path) -> dict[str, float]:
  """The numbers of the run's last evaluation on the test split."""
  found = runs.lines(workdir, 'eval')
  if not found:
    raise InputError(f'{workdir} has no evaluation of the test split')
  return found[-1]


def curves(numbers: dict[str, float]) -> dict[str, dict[float, float]]:
  """Name of a curve -> decibels -> word error rate."""
  found: dict[str, dict[float, float]] = {}
  for key, value in numbers.items():
    view, _, rest = key.partition('/')
    given, _, score = rest.partition('/')
    step, _, decibels = view.rpartition('_')
    if score == 'wer' and (step, given) in CURVES:
      name = CURVES[step, given][0]
      found.setdefault(name, {})[float(decibels)] = value
  return {name: dict(sorted(found[name].items())) for name, *_ in (
    x for x in CURVES.values() if x[0] in found)}  # fmt: skip


def draw(found: dict[str, dict[float, float]], path: Path) -> None:
  """Draws the curves into a PNG."""
  figure = figures.blank(6.4, 4.0)
  axes = figure.add_subplot()
  for name, color, dashes in CURVES.values():
    if name in found:
      axes.plot(
        list(found[name]),
        list(found[name].values()),
        color=color,
        linestyle=dashes,
        marker='o',
        markersize=4,
        linewidth=1.8,
        label=name,
      )
  axes.set_xlabel('decibels of speech over noise', color=figures.QUIET)
  axes.set_ylabel('word error rate', color=figures.QUIET)
  axes.set_ylim(bottom=0)
  axes.grid(color=figures.FAINT, linewidth=0.5)
  axes.spines[['top', 'right']].set_visible(False)
  axes.spines[['left', 'bottom']].set_color(figures.FAINT)
  axes.legend(frameon=False, fontsize=9.5)
  figures.finish(
    figure, path, title='What a voice in noise says, with and without its lips'
  )


def main() -> None:
  """Prints the table and one JSON line, and draws the curve."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('workdir', type=Path, help='of a run of talking.py')
  parser.add_argument('--out', type=Path, help='PNG of the curve')
  args = parser.parse_args()
  numbers = read(args.workdir)
  found = curves(numbers)
  levels = sorted({level for curve in found.values() for level in curve})
  heads = ' | '.join(f'{level:g} dB' for level in reversed(levels))
  print(f'| word error rate | no noise | {heads} |')
  print('|---' * (len(levels) + 2) + '|')
  for (step, given), (name, *_) in CURVES.items():
    clean = numbers.get(f'default/{given}/wer') if step == 'in_step' else None
    row = [clean, *(found[name].get(level) for level in reversed(levels))]
    cells = ' | '.join('' if x is None else f'{x:.3f}' for x in row)
    print(f'| {name} | {cells} |')
  print(json.dumps(found))
  if args.out:
    draw(found, args.out)


if __name__ == '__main__':
  main()
