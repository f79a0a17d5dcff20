"""docs/tour.ipynb runs from top to bottom, and finds what it looks for.

`python -m tests.tour_test` runs it and keeps what it gives.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOUR = ROOT / 'docs/tour.ipynb'
KEPT = 400_000  # bytes; it is shown in browsers


def execute(folder):
  """The notebook as it is after it was run in a folder."""
  nbclient = pytest.importorskip('nbclient')
  pytest.importorskip('ipykernel')
  import nbformat

  notebook = nbformat.read(TOUR, 4)
  # The commands are those beside this Python, with the modules of this tree.
  path = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
  env = {**os.environ, 'PATH': path, 'PYTHONPATH': str(ROOT), 'XLA_FLAGS': ''}
  client = nbclient.NotebookClient(
    notebook,
    timeout=600,
    coalesce_streams=True,
    resources={'metadata': {'path': str(folder)}},
  )
  client.execute(env=env)
  return notebook


def code(notebook):
  return [cell for cell in notebook.cells if cell.cell_type == 'code']


def said(cell):
  """What a cell has printed."""
  return ''.join(
    out.text
    for out in cell.outputs
    if out.output_type == 'stream' and out.name == 'stdout'
  )


def pictures(cell):
  return [
    out.data['image/png']
    for out in cell.outputs
    if 'image/png' in out.get('data', {})
  ]


def check(notebook):
  """Looks whether it has found what it looks for."""
  cells = code(notebook)
  assert len(cells) == 10
  *_, inspected, sheet, batch, _, trained, scores, table, words, found = cells
  assert '1797 records' in said(inspected)
  assert 'image uint8 (4, 16, 16, 3)' in said(batch)
  assert '"eval/zero_shot/accuracy"' in said(trained)
  numbers = dict(re.findall(r'^(\S+) +([\d.]+) *$', said(scores), re.M))
  # Chance is a tenth.
  assert float(numbers['image/zero_shot/accuracy']) > 0.85
  assert float(numbers['image/probe/linear_accuracy']) > 0.9
  assert said(table).count('seven') >= 4
  want = {'seven': 'seven', 'sieben': 'seven', 'sept': 'seven'}
  rows = dict(re.findall(r'^(\S+): (.+)$', said(words), re.M))
  assert rows.keys() == {*want, 'trois'}
  for text, labels in rows.items():
    assert labels.split().count(want.get(text, 'three')) >= 6, text
  for line in said(found).splitlines():
    first, *others = line.split(': ')[1].split()
    assert others.count(first) >= 5, line
  for cell in (sheet, words, found):
    assert len(pictures(cell)) == 1


def test_what_is_kept_is_what_a_run_gave():
  nbformat = pytest.importorskip('nbformat')
  assert TOUR.stat().st_size < KEPT
  notebook = nbformat.read(TOUR, 4)
  nbformat.validate(notebook)
  assert [cell.execution_count for cell in code(notebook)] == [*range(1, 11)]
  check(notebook)


@pytest.mark.slow
@pytest.mark.filterwarnings('default')  # of Jupyter's own
def test_from_raw_data_to_search(tmp_path):
  pytest.importorskip('lancedb')
  check(execute(tmp_path))


if __name__ == '__main__':
  import nbformat

  with tempfile.TemporaryDirectory() as name:
    result = execute(name)
  check(result)
  for one in code(result):
    one.metadata.clear()  # the times of the run
    for out in one.outputs:
      out.get('data', {}).pop('image/jpeg', None)  # once is enough
  nbformat.write(result, TOUR)
