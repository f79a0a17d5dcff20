"""Every task of models that answer: what it reaches, and what no skill does.

Trains the config of each task, unless its folder under `--runs` has a run that
is finished, and reads the last evaluation on the test split. A baseline is
scored as the model is, on the same texts. Minutes are those of training on this
machine.

  python benchmarks/generation.py [TASK ...] [--runs runs/generation]
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import runs
from mmjax.evaluators.generation import Generation
from mmjax.train.config import Config, load_config
from trivial import (
  Guess,
  any_of_them,
  commonest_words,
  copy,
  first_sentence,
  first_words,
  most_alike,
  most_frequent,
  texts,
)

ROOT = Path(__file__).parents[1]


class Task(NamedTuple):
  """A row of the table.

  Attributes:
    what: the task, as it is called in the table.
    config: file in configs/.
    score: the evaluator's name and the score's.
    guesses: name of a baseline -> what it would write, or the key of a number
      of the same evaluation.
    seen: the same score on what was trained on, if that is measured.
    start: config whose run it starts from, and which of its parameters.
    options: of the command line, beside the config.
  """

  what: str
  config: str
  score: str
  guesses: Mapping[str, Guess | str]
  seen: str | None = None
  start: tuple[str, str] | None = None
  options: tuple[str, ...] = ()


# As settings were chosen: the validation split is not learned from.
HELD_OUT = ('--data.stamps.train-on', 'train')
COMMONEST = {'commonest': most_frequent}
TASKS = {
  'captions': Task(
    'captions of stamps, 4 languages',
    'stamps_captions',
    'caption/chrf',
    COMMONEST,
    'caption_seen/chrf',
  ),
  'translation': Task(
    'stamps from English, with the picture',
    'stamps_translation',
    'with_picture/chrf',
    {'copy': copy, **COMMONEST},
    'seen/chrf',
    options=HELD_OUT,
  ),
  'translation_text': Task(
    'the same without it',
    'stamps_translation',
    'text_only/chrf',
    {'copy': copy, **COMMONEST},
    options=HELD_OUT,
  ),
  'questions': Task(
    'questions on stamps',
    'stamps_questions',
    'answer/exact_match',
    COMMONEST,
    'answer_seen/exact_match',
  ),
  'passages': Task(
    'questions on passages',
    'passages',
    'answer/exact_match',
    {'any fact': any_of_them, 'line most alike': most_alike, **COMMONEST},
    options=('--data.train-on', 'train'),
  ),
  'summaries': Task(
    'summaries of packages',
    'packages',
    'line/rougeL',
    {'first words': first_words, 'first sentence': first_sentence},
  ),
  'summaries_unseen': Task(
    'the same, no paragraph known',
    'packages',
    'line_unseen/rougeL',
    {'first words': first_words, 'first sentence': first_sentence},
  ),
  'speech_ctc': Task(
    'speech of stamps, CTC',
    'stamps_ctc',
    'unseen/cer',
    COMMONEST,
    'seen/cer',
  ),
  'speech': Task(
    'speech of stamps, encoder-decoder',
    'stamps_speech',
    'unseen/cer',
    COMMONEST,
    'seen/cer',
    start=('stamps_ctc', 'encoders_audio'),
  ),
  'commands': Task(
    'spoken sentences, encoder-decoder',
    'talking_speech',
    'clean/wer',
    {'commonest words': commonest_words},
  ),
  'lips': Task(
    'sound and lips in noise, 0 dB',
    'talking',
    'in_step_0/audio+video/wer',
    {
      'sound alone': 'in_step_0/audio/wer',
      'commonest words': commonest_words,
    },
  ),
  'digits': Task(
    'digits from words, recognised',
    'digits_flow',
    'generated/accuracy',
    {'commonest': 'generated/chance', 'real ones': 'generated/real_accuracy'},
  ),
  'fashion': Task(
    'clothes from words, recognised',
    'fashion_flow',
    'generated/accuracy',
    {'commonest': 'generated/chance', 'real ones': 'generated/real_accuracy'},
  ),
  'emoji': Task(
    'emoji from new names, category recognised',
    'emoji_flow',
    'generated/accuracy',
    {'commonest': 'generated/chance', 'real ones': 'generated/real_accuracy'},
    'seen/accuracy',
  ),
}


def run(
  task: Task, config: Config, file: Path, folder: Path
) -> dict[str, float]:
  """Numbers of the run's last evaluation; trains first where there is none."""
  workdir = folder / task.config
  found = _last_evaluation(workdir, config.steps)
  if found is None:
    command = [sys.executable, str(ROOT / 'train.py')]
    command += ['--config', str(file), '--workdir', str(workdir)]
    command += task.options
    if task.start is not None:
      other, take = task.start
      command += ['--warm-start.workdir', str(folder / other)]
      command += ['--warm-start.take', take]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = _last_evaluation(workdir, config.steps)
  if found is None:
    raise RuntimeError(f'{workdir} has no evaluation at step {config.steps}')
  return found


def minutes(workdir: Path) -> float:
  """Minutes that the steps took, waiting for data included."""
  lines = runs.lines(workdir, 'train')
  steps = [0, *(line['step'] for line in lines)]
  seconds = [
    (new - old) * line['step_seconds']
    for line, old, new in zip(lines, steps, steps[1:], strict=False)
  ]
  return sum(seconds) / 60


def baselines(
  task: Task, config: Config, found: Mapping[str, float]
) -> dict[str, float]:
  """Score of each baseline."""
  scored: dict[str, float] = {}
  name, score = task.score.rsplit('/', 1)
  for what, guess in task.guesses.items():
    if isinstance(guess, str):
      scored[what] = found[guess]
      continue
    evaluator = _evaluator(config, name)
    known = texts(config.data, 'train', 'default')
    wanted = texts(config.data, 'test', evaluator.view)
    right = [text.right for text in wanted]
    numbers: dict[str, float] = {}
    for function in evaluator.scores:
      numbers |= function(guess(known, wanted), right)
    scored[what] = numbers[score]
  return scored


def _evaluator(config: Config, name: str) -> Generation:
  for one in config.evaluators.values():
    if isinstance(one, Generation) and one.name == name:
      return one
  raise KeyError(f'no evaluator is called {name!r}')


def _last_evaluation(workdir: Path, steps: int) -> dict[str, float] | None:
  found = [x for x in runs.lines(workdir, 'eval') if x['step'] == steps]
  return found[-1] if found else None


def main() -> None:
  """Prints the table as it comes, and one JSON line."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('tasks', nargs='*', metavar='TASK', default=[*TASKS])
  parser.add_argument('--runs', type=Path, default=ROOT / 'runs' / 'generation')
  args = parser.parse_args()
  unknown = [name for name in args.tasks if name not in TASKS]
  if unknown:
    parser.error(f'no task {unknown[0]!r}: there are {", ".join(TASKS)}')
  print('| task | config | score | no skill | mmjax | on training | minutes |')
  print('|---' * 7 + '|')
  rows = {}
  for name in args.tasks:
    task = TASKS[name]
    file = ROOT / 'configs' / f'{task.config}.py'
    config = load_config(file, [*task.options])
    workdir = args.runs / task.config
    found = run(task, config, file, args.runs)
    row = {
      'baselines': baselines(task, config, found),
      'found': found[task.score],
      'seen': found[task.seen] if task.seen else None,
      'minutes': minutes(workdir),
    }
    rows[name] = row
    digits = 1 if found[task.score] > 2 else 3
    least = ', '.join(
      f'{what} {value:.{digits}f}' for what, value in row['baselines'].items()
    )
    seen = '' if row['seen'] is None else f'{row["seen"]:.{digits}f}'
    print(
      f'| {task.what} | `{task.config}` | {task.score.rsplit("/", 1)[1]} | '
      f'{least} | {row["found"]:.{digits}f} | {seen} | {row["minutes"]:.0f} |',
      flush=True,
    )
  print(json.dumps(rows))


if __name__ == '__main__':
  main()
