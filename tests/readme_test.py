"""What the README and the other pages say works."""

import argparse
import re
import shlex
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.main import add_options, main
from mmjax.train.config import load_config, split_argument
from tests.data.sources import same_data
from tests.pretrained.tiny_clip import write_clip

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob('*.md'), *ROOT.glob('docs/*.md')]
README = (ROOT / 'README.md').read_text()
# Made by the commands themselves, outside the repository, or an npm scope.
MADE = re.compile(r'\.venv/|runs/|~|/|@')


def blocks(language, text=README):
  return re.findall(rf'^```{language}\n(.*?)^```', text, re.S | re.M)


def commands(text=README):
  for block in blocks('sh', text):
    for line in block.replace('\\\n', ' ').splitlines():
      # What other hosts are told to run is a command too.
      line = re.sub(r'--command "(.*)"', r'&& \1', line)
      for command in line.split(' && '):
        yield shlex.split(command, comments=True)


def test_example_runs_and_ignores_what_is_masked():
  names = {}
  for block in blocks('python'):
    exec(compile(block, 'README.md', 'exec'), names)
  model, params = names['Sentiment'](), names['params']
  audio, text = names['audio'], (names['text'], names['written'])

  @jax.jit
  def run(params, audio):
    def loss(params):
      logits = model.apply(params, (audio, names['heard']), text)
      return jnp.sum(logits**2), logits

    return jax.grad(loss, has_aux=True)(params)

  want = run(params, audio)
  assert want[1].shape == (2, 3)
  for junk in (jnp.nan, 1e4):
    got = run(params, audio.at[1].set(junk))
    jax.tree.map(np.testing.assert_array_equal, want, got)
  # Where there is sound, it is heard.
  louder = run(params, audio.at[0].set(jnp.sin(jnp.arange(16_000.0))))
  assert not np.allclose(louder[1][0], want[1][0], atol=1e-4)


def test_example_has_ten_lines():
  example = blocks('python')[0]
  assert len([line for line in example.splitlines() if line]) <= 10


def test_the_two_commands_are_one_line_each():
  first, second = [b for b in blocks('sh') if 'pip install' in b]
  for block in (first, second):
    assert block.count('\n') == 1
  assert 'train.py --config configs/digits.py --workdir' in first
  assert '-m pytest' in second


@pytest.mark.parametrize('page', PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_name_files_that_are_there(page):
  for words in commands(page.read_text()):
    for word in words:
      if re.search(r'\w[./]\w', word) and not MADE.match(word):
        path = re.sub(r'(?<=\.py):.*', '', word)
        if not re.match(r'-|\d', path):
          assert (ROOT / path).exists(), (words, word)


@pytest.mark.parametrize('page', PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_training_commands_have_options_that_exist(page, monkeypatch, tmp_path):
  monkeypatch.chdir(ROOT)
  for words in commands(page.read_text()):
    if 'train.py' not in words:
      continue
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_options(parser)
    own, rest = parser.parse_known_args(words[words.index('train.py') + 1 :])
    assert own.config, words
    assert own.workdir, words
    # Unknown options and wrong values exit with code 2.
    file, argument = split_argument(own.config)
    if argument is not None:  # a checkpoint of the hub
      own.config = Path(f'{file}:{write_clip(tmp_path)}')
    if file.stem in ('folder', 'manifest'):  # your own data
      root = same_data.write_folder(tmp_path / 'data', same_data.stamps(9))
      rest[rest.index('--data.root') + 1] = str(root)
    load_config(own.config, rest)


def test_options_in_the_table_exist(monkeypatch, capsys):
  monkeypatch.chdir(ROOT)
  assert main(['--help']) == 0
  own = set(re.findall(r'--[\w.-]+', capsys.readouterr().out))
  rows = re.findall(r'^\| (`--.*?) \|', README, re.M)
  assert len(rows) >= 5
  for option in re.findall(r'--[^`]+', ' '.join(rows)):
    words = option.replace(' N', ' 3').split()
    if words[0] not in own | {'--help'}:
      load_config(Path('configs/digits.py'), words)


@pytest.mark.parametrize('page', PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_relative_links_resolve(page):
  text = re.sub(r'^```.*?^```', '', page.read_text(), flags=re.S | re.M)
  links = re.findall(r'\]\(([^)\s]+)\)|src="([^"]+)"', text)
  for link in {a or b for a, b in links}:
    if not re.match(r'https?:|mailto:|#', link):
      assert (page.parent / link.split('#')[0]).exists(), link
