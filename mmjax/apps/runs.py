"""The config of a run, from what its workdir holds."""

import argparse
import contextlib
import io
import json
from pathlib import Path
from typing import Any

from mmjax import main as training
from mmjax.train.config import Config, load_config, split_argument
from mmjax.types import InputError

_FILES = 'config.py', 'argv.json', 'config.json'


def is_run(where: str | Path) -> bool:
  """Whether a folder is the workdir of a run."""
  folder = Path(where).expanduser()
  return (folder / 'config.py').is_file() and (folder / 'argv.json').is_file()


def run_config(workdir: Path) -> Config:
  """The config that a run was started with: its file and its options.

  The file is run, as by training. What a model was built of that depends on
  data, the names of classes, is taken from `config.json`, so that the data need
  not be there any more.

  Raises:
    InputError: a file is missing or damaged, or today's mmjax has no such
      option.
  """
  for name in _FILES:
    if not (workdir / name).is_file():
      raise InputError(f'{workdir} is no run of mmjax: it has no {name}')
  try:
    argv = json.loads((workdir / 'argv.json').read_text())
    written = json.loads((workdir / 'config.json').read_text())
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    training.add_options(parser)
    own, rest = parser.parse_known_args(argv)
    _, argument = split_argument(own.config)
    data = written['data']
  except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
    reason = ' '.join(str(error).split())
    raise InputError(f'{workdir} holds a damaged run: {reason}') from error
  file = workdir / 'config.py'
  path = file if argument is None else Path(f'{file}:{argument}')
  said = io.StringIO()
  try:
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
      return load_config(path, [*rest, *_resolved(data)])
  except SystemExit as error:
    raise InputError(
      f'{workdir}: its options {" ".join(rest)} do not fit its config and '
      'this mmjax'
    ) from error


def _resolved(data: Any) -> list[str]:
  """Options that say what `Records.resolved` has found in the data."""
  if data.get('_type') != 'Records':
    return []
  found = []
  for name in ('labels', 'modalities'):
    if data.get(name):
      found += [f'--data.{name}', *data[name]]
  return found
