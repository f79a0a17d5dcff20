"""`mmjax evaluate` on any source: the numbers of what the model says itself."""

import json

import numpy as np
import pytest

from mmjax.apps.cli import main
from mmjax.apps.scores import score
from mmjax.data.sources import Records
from tests.apps import tiny_run
from tests.data.sources import same_data

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
  return tiny_run.opened(tmp_path_factory.mktemp('run') / 'tiny')


def test_the_numbers_are_those_of_its_answers(checkpoint, tmp_path, capsys):
  found = same_data.stamps(40)
  root = same_data.write_folder(tmp_path / 'data', found)
  numbers = score(checkpoint, Records(root=str(root), on_error='skip')).numbers
  test = [s for s in found if s.split == 'test']
  names = checkpoint.labels['label']
  right = []
  for stamp in test:
    inputs = {'image': stamp.image, 'audio': stamp.audio, 'text': stamp.text}
    given = {name: cell for name, cell in inputs.items() if cell is not None}
    p = checkpoint.classify(given)['label']
    assert p.sum() == pytest.approx(1)
    right.append(names[int(np.argmax(p))] == stamp.label)
  assert numbers['label/accuracy'] == pytest.approx(np.mean(right))
  seen = [s for s in test if s.image]
  said = checkpoint.choose('image', [s.image for s in seen], names)
  right = [
    names[i] == s.label for i, s in zip(said.argmax(1), seen, strict=True)
  ]
  assert numbers['image/zero_shot/accuracy'] == pytest.approx(np.mean(right))
  assert {
    'label/calibration/ece', 'image_to_text/recall_at_1',
    'audio_to_image/recall_at_5', 'image/probe/linear_accuracy',
    'transcript/wer',
  } <= numbers.keys()  # fmt: skip
  words = ['evaluate', '--checkpoint', checkpoint.name, '--source', str(root)]
  assert main([*words, '--json', '--batch-size', '4']) == 0
  again = json.loads(capsys.readouterr().out)
  assert again['label/accuracy'] == pytest.approx(numbers['label/accuracy'])


def test_commands_say_what_they_cannot(checkpoint, tmp_path, capsys):
  (tmp_path / 'a.png').write_bytes(same_data.png((8, 8), (1, 2, 3)))
  lines = {
    ('evaluate', '--checkpoint', 'gone', '--source', 'x'): 'gone is no folder',
    ('export', '--checkpoint', checkpoint.name, '--folder', 'x'): (
      'did not start from a checkpoint'
    ),
    ('search', 'index', '--checkpoint', str(tmp_path), '--source', 'x',
     '--index', 'y'): 'is neither the workdir of a run nor a checkpoint',
  }  # fmt: skip
  for words, message in lines.items():
    assert main([*words]) == 2
    said = capsys.readouterr()
    assert said.out == ''
    assert message in said.err
    assert said.err.count('\n') == 1
