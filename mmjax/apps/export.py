"""`mmjax export`: a run's parameters as a folder that transformers loads."""

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mmjax.apps.runs import run_config
from mmjax.pretrained import FromCheckpoint, export_run
from mmjax.train.saved import read_variables
from mmjax.types import InputError


def main(argv: Sequence[str]) -> int:
  """Runs a command line, without `mmjax export`.

  Raises:
    InputError: the run did not start from a checkpoint, or the folder is not
      empty.
  """
  parser = argparse.ArgumentParser(
    prog='mmjax export',
    description='Writes what a run has made of the checkpoint that it started '
    'from, in the same format: config.json and safetensors.',
    allow_abbrev=False,
  )
  parser.add_argument(
    '--checkpoint',
    required=True,
    type=Path,
    metavar='C',
    help='workdir of the run',
  )
  parser.add_argument(
    '--folder', required=True, type=Path, metavar='F', help='made for it'
  )
  parser.add_argument(
    '--step', type=int, help='step of the checkpoint; the newest if not given'
  )
  parser.add_argument(
    '--use-ema', action='store_true', help='write the moving average'
  )
  own = parser.parse_args(argv)
  config = run_config(own.checkpoint)
  if not isinstance(config.start, FromCheckpoint):
    raise InputError(
      f'{own.checkpoint} did not start from a checkpoint of another project: '
      'no other project knows its model'
    )
  variables = read_variables(own.checkpoint, step=own.step, use_ema=own.use_ema)
  folder = own.folder.expanduser()
  if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
    raise InputError(f'--folder {folder} is there already, and not empty')
  try:
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = tempfile.mkdtemp(dir=folder.parent, prefix='.export-')
    try:
      export_run(variables, made, model=config.model, start=config.start)
      os.chmod(made, 0o755)
      os.replace(made, folder)
    except BaseException:
      shutil.rmtree(made, ignore_errors=True)
      raise
  except OSError as error:
    raise InputError(f'cannot write {folder}: {error.strerror}') from error
  print(folder)
  return 0
