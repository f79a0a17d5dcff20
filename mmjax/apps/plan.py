"""`mmjax plan TOPOLOGY ...`: `mmjax train --plan TOPOLOGY ...`."""

import argparse
from collections.abc import Sequence

from mmjax import main as training


def main(argv: Sequence[str]) -> int:
  """Runs a command line, without `mmjax plan`; returns its exit code."""
  parser = argparse.ArgumentParser(
    prog='mmjax plan',
    description='Says what a step of training takes on devices that need not '
    'be there: bytes, FLOPs, time. Nothing is trained.',
    epilog='What follows are the options of mmjax train: --config FILE and '
    '--workdir FOLDER are needed.',
    allow_abbrev=False,
  )
  parser.add_argument(
    'topology', metavar='TOPOLOGY', help='such as v5e:4x4 or cpu:8'
  )
  own, rest = parser.parse_known_args(argv)
  return training.main(['--plan', own.topology, *rest])
