"""The documents' commands are ones that train.py takes."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from mmjax.main import add_options
from mmjax.train.config import load_config

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]


def _commands() -> list:
  return list(_each_command())


def _each_command():
  for page in PAGES:
    for block in re.findall(r'```sh\n(.*?)```', page.read_text(), re.S):
      for line in block.splitlines():
        found = re.search(r'train\.py (--config [^"&]*)', line)
        if found:
          yield pytest.param(found[1], id=f'{page.name}: {found[1]}')


@pytest.mark.parametrize('options', _commands())
def test_train_takes_the_command(options, monkeypatch):
  monkeypatch.chdir(ROOT)
  parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
  add_options(parser)
  own, rest = parser.parse_known_args(shlex.split(options))
  assert own.workdir is not None
  # Unknown options and wrong values exit with code 2.
  load_config(own.config, rest)


def test_the_pages_have_commands():
  names = {param.id.partition(':')[0] for param in _commands()}
  assert {'README.md', 'parallelism.md', 'tpu_pods.md'} <= names
