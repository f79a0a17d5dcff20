import json
import subprocess
import sys

import pytest

from mmjax import huge_pages

WORDS = ['--name', 'two words', '']


@pytest.fixture
def setting(tmp_path):
  def write(text):
    file = tmp_path / 'enabled'
    file.write_text(text)
    return file

  return write


def test_asks_where_linux_gives_them_on_request(setting):
  given = huge_pages.asking({'A': 'b'}, setting('always [madvise] never\n'))
  assert given == {'A': 'b', 'GLIBC_TUNABLES': 'glibc.malloc.hugetlb=1'}


def test_keeps_what_else_is_tuned(setting):
  known = {'GLIBC_TUNABLES': 'glibc.malloc.arena_max=2'}
  given = huge_pages.asking(known, setting('always [madvise] never\n'))
  assert given is not None
  assert given['GLIBC_TUNABLES'] == (
    'glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1'
  )
  assert huge_pages.asking(given, setting('always [madvise] never\n')) is None


@pytest.mark.parametrize(
  'text', ['[always] madvise never\n', 'always madvise [never]\n']
)
def test_does_not_ask_in_vain(setting, text):
  assert huge_pages.asking({}, setting(text)) is None


def test_does_not_ask_of_other_systems(tmp_path):
  assert huge_pages.asking({}, tmp_path / 'missing') is None


def test_who_does_not_want_them_is_left_alone(setting):
  declined = {'GLIBC_TUNABLES': 'glibc.malloc.hugetlb=0'}
  text = 'always [madvise] never\n'
  assert huge_pages.asking(declined, setting(text)) is None


def test_starts_again_once_as_the_same_process(setting, tmp_path):
  program = tmp_path / 'program.py'
  program.write_text(
    'import json, os, pathlib, sys\n'
    'from mmjax.huge_pages import restart\n'
    'print("begins", flush=True)\n'
    'restart(pathlib.Path(sys.argv.pop(1)))\n'
    'tuned = os.environ["GLIBC_TUNABLES"]\n'
    'print(json.dumps([os.getpid(), sys.argv[1:], tuned]))\n'
  )
  file = setting('always [madvise] never\n')
  process = subprocess.Popen(
    [sys.executable, str(program), str(file), *WORDS],
    stdout=subprocess.PIPE,
    text=True,
    env={'PYTHONPATH': ':'.join(sys.path)},
  )
  said, _ = process.communicate()
  first, second, last = said.splitlines()
  assert first == second == 'begins'
  assert json.loads(last) == [process.pid, WORDS, 'glibc.malloc.hugetlb=1']
