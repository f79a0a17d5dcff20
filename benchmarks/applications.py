"""What people build with multimodal models: each job against its baseline.

  python benchmarks/applications.py [JOB ...] [--runs FOLDER] [--seeds 3]

Each job is a config, trained once for each seed; a run that has ended is not
trained again, and one that was stopped goes on. Metric and baseline are both in
the run's final evaluation, on the same test examples. Minutes are those of the
slowest run, on whatever else the machine does.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import runs

ROOT = Path(__file__).parents[1]


class Job(NamedTuple):
  """A row of the table.

  Attributes:
    what: as the table calls it.
    data: what is real of it, and what is generated.
    metric: as the table calls it.
    key: where the final evaluation has it.
    baseline: as the table calls it.
    baseline_key: where the final evaluation has it.
    higher: whether more is better.
  """

  what: str
  data: str
  metric: str
  key: str
  baseline: str
  baseline_key: str
  higher: bool = True


JOBS = {
  'assistant': Job(
    'Assistant',
    'real stamps, spoken questions generated',
    'exact match of all answers',
    'answer/exact_match',
    'the same model, blind and deaf',
    'text_only/exact_match',
  ),
  'forecasting': Job(
    'Forecasting with words',
    'generated',
    'MASE (less is better)',
    'forecast/mase',
    'linear model of series and words',
    'forecast/ridge_words_mase',
    higher=False,
  ),
  'driving': Job(
    'Driving',
    'generated',
    'ADE of 2 s in metres (less is better)',
    'path/ade',
    'constant turn rate and velocity',
    'path/turning_ade',
    higher=False,
  ),
  'segmentation': Job(
    'Segmentation',
    'real stamps, generated grounds',
    'mean IoU of 7 classes',
    'segments/miou',
    'colours and texture of each pixel',
    'segments/colors_miou',
  ),
  'detection': Job(
    'Detection',
    'real stamps, generated grounds',
    'AP50 of things of any class',
    'things/any_ap50',
    'blobs',
    'things/blobs_any_ap50',
  ),
  'open_detection': Job(
    'Open vocabulary',
    'generated shapes, real stamps tinted',
    'AP50 of phrases never heard',
    'phrases/novel_ap50',
    'blobs, named by random forests',
    'phrases/forest_novel_ap50',
  ),
  'diagnosis': Job(
    'Diagnosis',
    'generated',
    'PR-AUC of a finding of one in twelve',
    'screening/pr_auc',
    'boosted trees of all features',
    'screening/trees_pr_auc',
  ),
  'recommendation': Job(
    'Recommendation from history',
    'real stamps, generated users',
    'recall of the next item at 10',
    'next/recall_at_10',
    'sequential rules',
    'next/rules_recall_at_10',
  ),
  'smart_home': Job(
    'Smart home by voice',
    'generated voices, noise',
    'F1 of slots, new voices and phrasings',
    'frame/slot_f1',
    'nearest training command, time-warped',
    'frame/nearest_slot_f1',
  ),
  'emotion': Job(
    'Emotion',
    'generated voices and words, drawn faces',
    'macro F1 of 5 emotions',
    'emotion/macro_f1',
    'logistic regression of prosody, words and colours',
    'emotion/linear_macro_f1',
  ),
  'augmented_reality': Job(
    'Augmented reality',
    'real stamps, generated squares and voices',
    'right thing and box of all questions',
    'pointing/right',
    'blobs and the rules of the world, asked by ear',
    'pointing/rules_right',
  ),
}


class Row(NamedTuple):
  """What the seeds of a job have given."""

  metric: list[float]
  baseline: list[float]
  minutes: float


def train(config: str, seed: int, folder: Path) -> dict[str, float]:
  """The last evaluation of a run, and its `minutes`."""
  workdir = folder / f'{config}_seed{seed}'
  file = workdir / 'minutes.json'
  if not file.exists():
    command = [sys.executable, str(ROOT / 'train.py')]
    command += ['--config', str(ROOT / 'configs' / f'{config}.py')]
    command += ['--workdir', str(workdir), '--seed', str(seed)]
    print(' '.join(command), file=sys.stderr)
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    file.write_text(json.dumps((time.monotonic() - start) / 60))
  minutes = json.loads(file.read_text())
  return {**runs.lines(workdir, 'eval')[-1], 'minutes': minutes}


def beats(job: Job, row: Row) -> bool:
  """Whether every seed does, by more than seeds differ among themselves."""
  sign = 1 if job.higher else -1
  gains = [
    sign * (metric - baseline)
    for metric, baseline in zip(row.metric, row.baseline, strict=True)
  ]
  return min(gains) > max(row.metric) - min(row.metric)


def line(config: str, job: Job, row: Row) -> str:
  """A row of the printed table."""
  least, most = min(row.metric), max(row.metric)
  baseline, metric = map(statistics.mean, (row.baseline, row.metric))
  cells = (
    f'[{job.what}]({config}.md)',
    job.data,
    job.metric,
    f'{job.baseline}: {baseline:.3f}',
    f'**{metric:.3f}** ({least:.3f} to {most:.3f})',
    'yes' if beats(job, row) else 'no',
    f'{row.minutes:.1f}',
  )
  return f'| {" | ".join(cells)} |'


def main() -> None:
  """Prints the table as it comes, and one JSON line."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('jobs', nargs='*', metavar='JOB', default=[*JOBS])
  parser.add_argument(
    '--runs', type=Path, default=ROOT / 'runs' / 'applications'
  )
  parser.add_argument('--seeds', type=int, default=3)
  args = parser.parse_args()
  unknown = [name for name in args.jobs if name not in JOBS]
  if unknown:
    parser.error(f'no job {unknown[0]!r}: there are {", ".join(JOBS)}')
  print(
    '| job | data | metric | baseline | mmjax, mean of seeds | better by more '
    'than seeds differ | minutes |'
  )
  print('|---' * 7 + '|')
  rows = {}
  for config in args.jobs:
    job = JOBS[config]
    found = [train(config, seed, args.runs) for seed in range(args.seeds)]
    row = Row(
      [one[job.key] for one in found],
      [one[job.baseline_key] for one in found],
      max(one['minutes'] for one in found),
    )
    print(line(config, job, row), flush=True)
    rows[config] = row._asdict()
  print(json.dumps(rows))


if __name__ == '__main__':
  main()
