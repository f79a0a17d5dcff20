"""Some hundreds of malformed inputs through the commands: one line each."""

import io
import os
import random
import signal
import zipfile

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmjax.apps.cli import main
from mmjax.apps.search import Index
from tests.apps import tiny_run
from tests.data.sources.broken import PNG, WAV, change

pytest.importorskip('lancedb')
pytestmark = pytest.mark.slow
SECONDS = 30  # of one input, on a busy machine


@pytest.fixture(scope='module')
def run_folder(tmp_path_factory):
  return tiny_run.make(tmp_path_factory.mktemp('run') / 'tiny')


@pytest.fixture(scope='module')
def opened(run_folder):
  """One checkpoint for all commands: they would open it some hundred times."""
  from mmjax.apps.opening import open_checkpoint

  return open_checkpoint(run_folder, batch_size=32)


@pytest.fixture
def run(capsys, monkeypatch, opened):
  from mmjax.apps import search, search_command, texts

  for module in (search, search_command, texts):
    monkeypatch.setattr(module, 'open_checkpoint', lambda *a, **k: opened)

  def late(*_):
    raise AssertionError('this takes too long')

  def run(*words):
    old = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
      code = main([str(word) for word in words])
    except SystemExit as end:
      code = end.code
    finally:
      signal.alarm(0)
      signal.signal(signal.SIGALRM, old)
    said = capsys.readouterr()
    assert 'Traceback' not in said.out + said.err
    return code, said.out, said.err

  return run


def hugely(suffix):
  """Small files that claim, or become, something huge."""
  file = io.BytesIO()
  if suffix == 'png':
    Image.new('1', (40_000, 40_000)).save(file, 'PNG')
    return file.getvalue()
  data = bytearray(WAV)
  data[40:44] = b'\xff\xff\xff\x7f'
  return bytes(data)


def contents():
  """Names and bytes, a few hundred."""
  rng = random.Random(0)
  bomb = io.BytesIO()
  with zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as f:
    f.writestr('a', bytes(10**7))
  flac = io.BytesIO()
  x = np.random.default_rng(0).normal(size=300) * 0.1
  soundfile.write(flac, x, 16_000, format='FLAC')
  gif = io.BytesIO()
  Image.new('P', (8, 8)).save(gif, 'GIF')
  good = {
    'png': PNG,
    'wav': WAV,
    'flac': flac.getvalue(),
    'gif': gif.getvalue(),
  }
  for suffix, data in good.items():
    for number in range(45):
      yield f'changed{number}.{suffix}', change(data, rng)
  for suffix in ('png', 'jpg', 'gif', 'wav', 'ogg', 'mp3', 'txt'):
    yield f'empty.{suffix}', b''
    yield f'zeros.{suffix}', bytes(1000)
    yield f'noise.{suffix}', rng.randbytes(1000)
    yield f'zip.{suffix}', bomb.getvalue()
    yield f'svg.{suffix}', b'<svg><image href="/etc/passwd"/></svg>'
    yield f'eps.{suffix}', b'%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run\n'
  yield 'huge.png', hugely('png')
  yield 'huge.wav', hugely('wav')
  yield 'picture.wav', PNG
  yield 'sound.png', WAV
  yield 'latin.txt', 'é'.encode('latin-1')
  yield 'long.txt', 'é\u0301'.encode() * 10**5


@pytest.fixture
def bad(tmp_path):
  """A folder of them, with links and a pipe, and a secret beside it."""
  root = tmp_path / 'data'
  root.mkdir()
  for name, data in contents():
    (root / name).write_bytes(data)
  secret = tmp_path / 'secret.png'
  Image.new('RGB', (8, 8), (1, 2, 3)).save(secret)
  (root / 'link.png').symlink_to(secret)
  (root / 'loop.png').symlink_to(root / 'loop.png')
  os.mkfifo(root / 'pipe.wav')
  return root


def test_an_index_holds_what_is_good(run, run_folder, bad, tmp_path):
  index = tmp_path / 'index'
  words = ['search', 'index', '--checkpoint', run_folder, '--source', bad]
  # Nothing but broken files: no index, and no folder for one.
  only = tmp_path / 'only'
  only.mkdir()
  (only / 'a.png').write_bytes(b'broken')
  code, out, err = run(*words[:-1], only, '--index', index)
  assert (code, out) == (2, '')
  assert err.strip().splitlines()[-1].startswith('error: nothing of')
  assert not index.exists()
  (bad / 'good.png').write_bytes(PNG)
  (bad / 'good.wav').write_bytes(WAV)
  code, out, err = run(*words, '--index', index)
  assert code == 0
  assert 'left out' in out
  assert 'left out: ' in err
  rows = Index(index).store._rows(['path', 'vector']).to_pylist()
  there = {os.path.basename(row['path']) for row in rows}
  assert {'good.png', 'good.wav'} <= there
  assert not there & {
    'link.png', 'loop.png', 'pipe.wav', 'huge.png', 'sound.png',
    'empty.png', 'latin.txt',
  }  # fmt: skip
  assert all(np.isfinite(row['vector']).all() for row in rows)


def test_queries_and_transcripts_get_one_line(run, run_folder, bad, tmp_path):
  index = tmp_path / 'index'
  good = tmp_path / 'good'
  good.mkdir()
  (good / 'a.png').write_bytes(PNG)
  words = ['--checkpoint', run_folder]
  assert (
    run('search', 'index', *words, '--source', good, '--index', index)[0] == 0
  )
  query = ['search', 'query', '--index', index, '--json']
  before = sorted(p.name for p in index.rglob('*'))
  count = 0
  files = [
    *sorted(bad.iterdir()), bad, bad / 'gone.png', '/dev/zero',
    '/proc/self/mem', '', 'a\0b', 'x' * 5000, 'http://localhost/a.png',
    '~nobody/a.png',
  ]  # fmt: skip
  for file in files:
    sounds = str(file).endswith(('wav', 'flac', 'ogg', 'mp3'))
    option = '--audio' if sounds else '--image'
    code, out, err = run(*query, option, file)
    assert code in (0, 2)
    if code == 2:
      assert out == ''
      assert err.startswith('error: ')
      assert err.count('\n') == 1
      count += 1
    if sounds:
      code, out, err = run('transcribe', *words, file)
      assert code in (0, 2)
      assert (code == 2) == ('error: ' in err)
  for text in ('', ' ', '\0', 'é\u0301' * 10**4, '\ud800', "'; DROP TABLE"):
    code, out, err = run(*query, '--text', text)
    assert code in (0, 2)
    assert (code == 2) == err.startswith('error: ')
  for where in ("label = '", 'x' * 10**5, '(' * 200, "path = '/etc/passwd'"):
    code, out, err = run(*query, '--text', 'a', '--where', where)
    assert code in (0, 2)
    assert err.count('\n') <= 1
  assert count > 100
  assert sorted(p.name for p in index.rglob('*')) == before
