"""`mmjax search index`, killed with SIGKILL and run again, loses nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mmjax.apps.indexing import build
from mmjax.apps.search import Index
from mmjax.types import InputError
from tests.apps import tiny_run
from tests.data.sources import same_data

pytest.importorskip('lancedb')
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
# The command, but for its commits: every few rows, to be killed among them.
COMMAND = """
import sys
from mmjax.apps import embedding
embedding._COMMIT = 4
from mmjax.apps.cli import main
sys.exit(main(sys.argv[1:]))
"""


def start(*words):
  """The command in a process of its own."""
  return subprocess.Popen(
    [sys.executable, '-c', COMMAND, 'search', 'index', *map(str, words)],
    cwd=ROOT,
    env={**os.environ, 'XLA_FLAGS': ''},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def kill(process, when):
  """Kills it as soon as something is so, which must be before it ends."""
  while not when():
    if process.poll() is not None:
      pytest.fail(f'it ended before it was killed: {process.stderr.read()}')
    time.sleep(0.001)
  process.send_signal(signal.SIGKILL)
  process.communicate()
  assert process.returncode == -signal.SIGKILL


def rows(folder, checkpoint):
  """All columns of an index, by id."""
  table = Index(folder, checkpoint=checkpoint).store._table
  found = table.search().limit(None).to_arrow().to_pylist()
  assert len({row['id'] for row in found}) == len(found)
  return {row['id']: row for row in found}


def same(some, all_):
  """Each of some rows is as it is among all."""
  for key, row in some.items():
    want = dict(all_[key])
    vector = np.array(row.pop('vector'))
    np.testing.assert_allclose(vector, want.pop('vector'), atol=1e-6)
    assert row == want


def test_an_index_that_was_killed_is_that_of_one_go(tmp_path):
  stamps = same_data.stamps(90)
  source = same_data.write_folder(tmp_path / 'data', stamps)
  checkpoint = tiny_run.opened(tmp_path / 'run')
  index, whole = tmp_path / 'index', tmp_path / 'whole'
  report = build(whole, str(source), checkpoint=checkpoint)
  want = rows(whole, checkpoint)
  assert len(want) == report.rows > 150
  words = ['--checkpoint', tmp_path / 'run', '--batch-size', '4']
  words += ['--source', source, '--index', index]

  def commits():
    return len(list(index.glob('items.lance/_versions/*.manifest')))

  # While it makes the table: then there is an index, or none at all.
  kill(start(*words), lambda: commits() > 0)
  there = {}
  if (index / 'index.json').exists():
    there = rows(index, checkpoint)
  else:
    with pytest.raises(InputError, match='there is no index'):
      Index(index)
  same(there, want)
  assert len(there) < len(want) / 2
  # Among its commits.
  before = commits()
  kill(start(*words), lambda: commits() > before + 9)
  there = rows(index, checkpoint)
  assert 20 < len(there) < len(want)
  same(there, want)
  # Whoever was killed while writing index.json leaves a file beside it.
  (index / '.index-left').write_text('{')
  last = start(*words, '--json')
  said, errors = last.communicate()
  assert last.returncode == 0, errors
  assert f'"rows": {len(want)}, "added": {len(want) - len(there)}' in said
  there = rows(index, checkpoint)
  assert there.keys() == want.keys()
  same(there, want)
  assert sorted(os.listdir(index)) == sorted(os.listdir(whole))
  asked = {'text': 'Stück', 'k': 20, 'modality': 'image'}
  one, other = (
    [hit.path for hit in Index(i, checkpoint=checkpoint).query(**asked)]
    for i in (index, whole)
  )
  assert one == other
