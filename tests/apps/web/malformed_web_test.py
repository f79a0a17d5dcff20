"""A thousand malformed files, through what the buttons of the page run."""

import functools
import random

import numpy as np
import pytest

from mmjax.apps.web.buttons import Buttons, telling
from mmjax.apps.web.limits import Limits
from mmjax.apps.web.tasks import Tasks
from tests.apps.web import sent, tiny
from tests.data.sources.broken import change

pytestmark = pytest.mark.slow
COUNT = 1000
SVG = (
  b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
  b'<path d="M1 1h7v7z" fill="#f00"/><use href="#a"/></svg>'
)
# What a tab is given beside files, by the place of the file among it.
ASKED = {
  'image': {
    'classify': ['label', False, ..., None, None],
    'classes': ['cat\ndog', '', ..., None],
    'caption': [None, ..., None],
  },
  'audio': {
    'classify': ['label', False, None, None, ...],
    'classes': ['cat\ndog', 'a {}', None, ...],
    'transcribe': [None, ...],
  },
}


@pytest.fixture(scope='module')
def buttons():
  """What the button of each tab runs; its first output is what goes wrong."""
  made = Buttons(Tasks(tiny.checkpoint()), Limits())
  return {
    'classify': telling(made.classify, outputs=3),
    'classes': telling(made.classes, outputs=1),
    'caption': telling(functools.partial(made.write, 'caption'), outputs=1),
    'transcribe': telling(
      functools.partial(made.write, 'transcribe'), outputs=1
    ),
  }


def files():
  """Names and bytes, all of them other ones."""
  seen = set()
  dice = random.Random(0)
  some = [*sent.malformed(np.random.default_rng(0), COUNT)]
  some += [(f'drawing{i}.png', change(SVG, dice)) for i in range(100)]
  for name, data in some:
    if (name[-3:], data) not in seen:
      seen.add((name[-3:], data))
      yield name, data


def test_each_gets_an_answer_or_a_sentence(buttons, tmp_path, capsys):
  refused = asked = 0
  for number, (name, data) in enumerate(files()):
    file = tmp_path / name
    file.write_bytes(data)
    for tabs in ASKED.values():
      tab = [*tabs][number % len(tabs)]
      values = [str(file) if x is ... else x for x in tabs[tab]]
      problem, *answers = buttons[tab](*values)
      asked += 1
      refused += bool(problem)
      assert bool(problem) == (answers[0] is None), name
      assert 'log of the server' not in problem, name
      assert str(tmp_path) not in problem
      assert '\n' not in problem
      assert not problem or problem.endswith('.</p>')
    file.unlink()
  assert asked > 2 * COUNT
  assert refused > 0.6 * asked
  said = capsys.readouterr()
  assert 'Traceback' not in said.out + said.err


@pytest.mark.parametrize('tab', ['classify', 'classes', 'caption'])
def test_words_of_any_kind(buttons, tab):
  """Whatever is typed where words are asked for."""
  dice = random.Random(0)
  odd = '\0\n\r\t\x1b\u2028\u202e\ufeff\ud800\U0010ffffé\u0301{}<>&"\'%\\/..'
  for number in range(150):
    text = ''.join(dice.choices(odd + 'abc ', k=dice.randrange(1, 200)))
    text *= 1 if number % 9 else 300
    values = {
      'classify': ['label', False, None, text, None],
      'classes': [text, text, None, None],
      'caption': [text, None, text],
    }[tab]
    problem, *_ = buttons[tab](*values)
    assert 'log of the server' not in problem, text
    assert 'Traceback' not in problem
