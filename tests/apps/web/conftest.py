"""A page that is served as a user would serve it, once for all tests of it."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CHROMIUM = Path('/usr/bin/chromium')
# A shell's job in the background is deaf to Ctrl-C, and so are its children.
HEARING = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)
"""


@pytest.fixture(scope='module')
def browser():
  api = pytest.importorskip('playwright.sync_api')
  if not CHROMIUM.exists():
    pytest.skip(f'there is no {CHROMIUM}')
  with api.sync_playwright() as playwright:
    browser = playwright.chromium.launch(
      executable_path=str(CHROMIUM),
      args=[
        '--no-sandbox',
        '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream',
      ],
    )
    yield browser
    browser.close()


@pytest.fixture(scope='package')
def site():
  pytest.importorskip('gradio')
  with served('tests.apps.web.serve_tiny') as url:
    yield url


@contextlib.contextmanager
def served(*words):
  """Runs a module that serves a page; yields where it is."""
  server = subprocess.Popen(
    [sys.executable, '-c', HEARING, *words],
    cwd=Path(__file__).parents[3],
    env={**os.environ, 'XLA_FLAGS': ''},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  try:
    said = server.stdout.readline()
    assert said.startswith('http://127.0.0.1:'), server.stderr.read()
    yield said.split()[0]
  finally:
    server.send_signal(signal.SIGINT)
    try:
      _, errors = server.communicate(timeout=60)
    finally:
      server.kill()
  assert 'mmjax/apps/web' not in errors, errors
  assert 'went wrong inside' not in errors
