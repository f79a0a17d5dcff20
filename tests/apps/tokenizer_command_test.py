"""`mmjax data tokenizer train`: what it writes, and its one-line errors."""

import json

import numpy as np
import pytest

from mmjax.apps.cli import main
from mmjax.data.sources import Columns, Records
from mmjax.data.subwords import Subwords


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
  monkeypatch.chdir(tmp_path)
  lines = [
    json.dumps({'caption': f'the {word} and the {word}', 'split': split})
    for word, split in [
      ('cat', 'train'), ('hat', 'train'), ('bat', 'validation'),
      ('zoo', 'test'), ('', 'train'),
    ]
    for _ in range(3)
  ]  # fmt: skip
  (tmp_path / 'things.jsonl').write_text('\n'.join(lines))

  def run(*words):
    try:
      code = main(['data', 'tokenizer', *words])
    except SystemExit as end:
      code = end.code
    said = capsys.readouterr()
    assert 'Traceback' not in said.out + said.err
    return code, said.out, said.err

  return run


@pytest.mark.parametrize('kind', ['bpe', 'wordpiece', 'unigram'])
def test_its_file_is_a_tokenizer_of_records(run, kind):
  size = '280' if kind == 'bpe' else '40'
  code, out, _ = run(
    'train', 'things.jsonl', '--kind', kind, '--size', size, '--out', 'v.json',
    '--json', '--columns.text', 'caption',
  )  # fmt: skip
  assert code == 0
  found = json.loads(out)
  assert found['kind'] == kind
  assert found['texts'] == 9
  data = Records(
    root='things.jsonl',
    columns=Columns(text='caption'),
    tokenizer=Subwords(file='v.json', length=32),
  )
  arrays = data.prepare(data.source('train')[0], None)
  assert arrays['text'].shape == (32,)
  assert arrays['text'].max() < found['vocabulary'] <= int(size)
  ids = arrays['text'][arrays['mask']['text']]
  assert data.tokenizer.decode(ids) == 'the cat and the cat'
  # z stands in no training text.
  unknown = np.isin(data.tokenizer.encode('z'), 3).any()
  assert unknown == (kind != 'bpe')


@pytest.mark.parametrize(
  ('words', 'message'),
  [
    (['--size', '10', '--columns.text', 'caption'], 'vocabulary 10 is less'),
    (
      ['--kind', 'unigram', '--size', '5', '--columns.text', 'caption'],
      'vocabulary 5: ',
    ),
    ([], "has no texts in the column 'text'"),
    (['--columns.text', 'captoin'], 'captoin'),
  ],
)
def test_errors_are_one_line(run, words, message):
  code, out, err = run('train', 'things.jsonl', '--out', 'v.json', *words)
  assert (code, out) == (2, '')
  assert message in err
  assert err.count('\n') == 1


def test_a_place_that_cannot_be_written(run, tmp_path):
  (tmp_path / 'file').write_text('')
  words = ['train', 'things.jsonl', '--columns.text', 'caption']
  code, _, err = run(*words, '--size', '300', '--out', 'file/v.json')
  assert code == 2
  assert err.startswith('error: cannot write file/v.json: ')
  code, _, err = run(*words, '--kind', 'words', '--out', 'v.json')
  assert code == 2
  assert "invalid choice: 'words'" in err
