"""`mmjax data inspect`: what it says, draws, and what it does with nonsense."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from mmjax.apps.cli import main
from tests.data.sources import same_data


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
  monkeypatch.chdir(tmp_path)

  def run(*words):
    try:
      code = main([str(word) for word in words])
    except SystemExit as end:
      code = end.code
    said = capsys.readouterr()
    assert 'Traceback' not in said.out + said.err
    return code, said.out, said.err

  return run


@pytest.fixture(scope='module')
def found():
  return same_data.stamps(40)


def test_it_counts_what_is_there(run, found, tmp_path):
  root = same_data.write_csv(tmp_path / 'data', found)
  bad = next(s for s in found if s.image)
  (tmp_path / 'data' / bad.path('png')).write_bytes(b'broken')
  code, out, _ = run('data', 'inspect', root, '--json')
  assert code == 0
  got = json.loads(out)
  assert got['records'] == 40
  assert got['splits'] == {
    split: sum(s.split == split for s in found) for split in same_data.SPLITS
  }
  for name in ('image', 'audio', 'text'):
    there = sum(getattr(s, name) is not None for s in found)
    assert got['present'][name] == there
    assert got['missing_rate'][name] == pytest.approx(1 - there / 40)
  assert got['labels'] == {
    name: sum(s.label == name for s in found) for name in same_data.CLASSES
  }
  widths = [
    Image.open(io.BytesIO(s.image)).width
    for s in found
    if s.image and s is not bad
  ]
  want = np.quantile(widths, [0, 0.5, 0.9, 1])
  assert got['lengths']['image width'] == pytest.approx(want)
  texts = [len(s.text) for s in found if s.text and s is not bad]
  assert got['lengths']['text characters'][3] == max(texts)
  seconds = got['lengths']['audio seconds']
  assert seconds[0] >= 400 / 16_000
  (error,) = got['broken']
  assert f'{bad.path("png")}: cannot read this picture' in error


def test_it_says_so_to_people_and_draws_a_sheet(run, found, tmp_path):
  root = same_data.write_folder(tmp_path / 'data', found)
  code, out, _ = run('data', 'inspect', root, '--sheet', 'sheet.png')
  assert code == 0
  assert '40 records (' in out
  assert 'animals' in out
  sheet = np.asarray(Image.open(tmp_path / 'sheet.png'))
  assert sheet.shape == (4 * 176, 6 * 128, 3)
  # The first picture is in its place, in its own colour.
  first = min(found, key=lambda s: s.path(''))
  assert first.image
  assert (sheet[6, 8] == (5 * int(first.name[-3:]), 40, 200)).all()
  assert sorted(p.name for p in tmp_path.iterdir()) == ['data', 'sheet.png']


@pytest.mark.parametrize(
  ('words', 'message'),
  [
    (['data', 'inspect', 'none'], 'error: there is no file or folder none'),
    (['data', 'inspect', '.'], 'holds no picture, sound, video or text'),
    (['data', 'inspect', 'x.txt'], 'is no manifest'),
    (['data', 'inspect', 'tfds:no_such'], 'no data set no_such in'),
    (['data', 'inspect', 'tfds:../x'], 'no'),
    (['data', 'inspect', 'nope://bucket/x'], 'cannot read nope://bucket/x'),
    (['data', 'inspect', 'a.csv', '--limit', '0'], '--limit 0 is below 1'),
    (['data', 'inspect', 'a.csv', '--sheet', 'no/x.png'], 'cannot write no/x'),
    (['data', 'inspect', 'a.csv', '--columns.label', 'txt'], "perhaps 'text'"),
    (['data', 'inspect', 'a.csv', '--colums.label', 'x'], 'colums'),
    (['data', 'inspect'], 'SOURCE'),
    (['data'], 'COMMAND'),
    (['date'], 'date'),
    ([], 'COMMAND'),
    (['train'], 'error: --config FILE is required'),
  ],
)
def test_nonsense_is_one_line_and_code_two(words, message, run, tmp_path):
  if 'x.txt' in words:
    (tmp_path / 'x.txt').write_text('')
  if 'a.csv' in words:
    (tmp_path / 'a.csv').write_text('text,label\nb,c\n')
  before = sorted(tmp_path.iterdir())
  code, out, err = run(*words)
  assert code == 2
  assert message in err
  assert not out
  assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
  'words',
  [['--help'], ['data', '--help'], ['data', 'inspect', '--help']],
)
def test_help(words, run):
  code, out, _ = run(*words)
  assert code == 0
  assert 'usage: mmjax' in out
