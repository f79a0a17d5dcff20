"""Questions are about what stands in the passage, and their split is fixed."""

import numpy as np
import pytest

from mmjax.data import splits
from mmjax.data.datasets import passages
from mmjax.data.datasets.passages import AnswerTokenizer, Passages, parse
from mmjax.data.datasets.passages_phrases import KINDS, QUESTIONS, STATEMENTS
from mmjax.types import InputError

INDEX = """Package: zebra
Source: animals (3)
Version: 1:2.0-3
Installed-Size: 28
Maintainer: Ann Other <ann@example.org>
Depends: libc6 (>= 2.34) | libc, hay
Description: striped  tool
Homepage: https://zebra.example/
Tag: role::program,
 use::drawing
Section: graphics

Package: nameless
Section: misc
"""


@pytest.fixture(scope='module')
def data(tmp_path_factory):
  folder = tmp_path_factory.mktemp('lists')
  text = ''
  for i in range(60):
    text += (
      f'Package: tool{i}\nVersion: {i}.{i}\nSection: part{i % 5}\n'
      f'Maintainer: Person {i} <{i}@example.org>\nDescription: number {i}\n'
    )
    text += f'Installed-Size: 1{i}\n\n' if i % 3 else '\n'
  (folder / 'some_main_binary-amd64_Packages').write_text(text)
  return Passages(root=str(folder), cache=str(folder / 'c'), vocabulary=400)


def test_an_index_is_parsed():
  (zebra,) = parse(iter(INDEX.splitlines(keepends=True)))
  assert zebra.name == 'zebra'
  assert zebra.facts == {
    'section': 'graphics',
    'version': '1:2.0-3',
    'maintainer': 'Ann Other',
    'homepage': 'https://zebra.example',
    'size': '28 kB',
    'needs': 'libc6',
    'summary': 'striped  tool',
  }


def test_the_answer_stands_in_the_line_that_is_asked_for(data):
  for example in data.source('train'):
    record = example['record']
    asked = data.ask(example, np.random.default_rng(0))
    assert asked.answer == record.facts[asked.kind] in asked.values
    lines = asked.passage.split('\n')
    told = [
      phrase.format(name=record.name, value=asked.answer)
      for phrase in STATEMENTS[asked.kind]
    ]
    assert len(set(lines) & set(told)) == 1
    assert asked.question in [
      phrase.format(name=record.name) for phrase in QUESTIONS[asked.kind]
    ]
    # Neither its kind nor its package alone tells which line it is.
    assert len(lines) == 4
    assert sum(f'{record.name} ' in f'{line} ' for line in lines) == 2


def test_evaluation_asks_the_same_again_and_training_does_not(data):
  example = data.source('test')[0]
  assert data.ask(example, None) == data.ask(example, None)
  drawn = {data.ask(example, np.random.default_rng(i)) for i in range(9)}
  assert len(drawn) > 5


def test_all_packages_of_a_passage_are_of_one_split(data):
  for split in ('train', 'validation', 'test'):
    rows = data.source(split)
    assert rows
    for row in rows:
      assert splits.split_of(row['record'].name) == split
      assert {splits.split_of(r.name) for r in row['others']} == {split}


def test_arrays_are_what_was_asked(data):
  example = data.source('test')[0]
  asked, arrays = data.ask(example, None), data.prepare(example, None)
  words = AnswerTokenizer(passages=data)
  assert words.decode(arrays['text']) == asked.answer
  document = words.decode(arrays['document']).replace('\n ', '\n')
  assert document == f'{asked.question}\n{asked.passage}'[: len(document)]
  assert KINDS[arrays['kind']] == asked.kind
  # The answer's ids stand in the passage: they can be copied.
  answer = arrays['text'][arrays['mask']['text']][1:-1]
  assert _has(arrays['document'], answer)


def _has(ids, part):
  windows = np.lib.stride_tricks.sliding_window_view(ids, len(part))
  return (windows == part).all(axis=1).any()


def test_bad_input_says_what_to_do(tmp_path, data):
  with pytest.raises(InputError, match='run `apt-get update`'):
    Passages(root=str(tmp_path)).check()
  with pytest.raises(InputError, match="no view of passages 'unseen'"):
    data.source('test', 'unseen')
  with pytest.raises(InputError, match='facts 0 is below 1'):
    Passages(facts=0)
  (tmp_path / 'a_binary-amd64_Packages').write_text('nothing\n')
  with pytest.raises(InputError, match='no package is described'):
    passages._read(passages.apt.files(str(tmp_path), '*_Packages', hint=''))
