"""Drawings (SVG) from anywhere, drawn in a process of their own.

A drawing may name any file, and a small one may ask for hours, or all memory.
So whoever draws it (resvg) can open nothing, and has a few seconds and a
gigabyte. What a drawing names is left out, as in a browser that shows it as a
picture (https://www.w3.org/TR/SVG2/conform.html#secure-static-mode); so are
letters, whose fonts are files, and other ones on every machine.
"""

import atexit
import os
import subprocess
import sys
import threading
from pathlib import Path

_WORKER = Path(__file__).with_name('svg_worker.py')
_MAX_BYTES = 2**24


def draw(data: bytes, *, side: int) -> bytes:
  """A PNG of a drawing.

  Args:
    data: of the SVG, in UTF-8.
    side: of the square that it is scaled to fit into, with its aspect ratio.

  Raises:
    ValueError: it is no SVG, or takes too long or too much memory.
  """
  if len(data) > _MAX_BYTES:
    raise ValueError(f'an SVG of more than {_MAX_BYTES >> 20} MiB')
  with _lock:
    kind, told = _ask(data, side)
  if kind != b'png':
    raise ValueError(told.decode(errors='replace') or 'this is no SVG')
  return told


_lock = threading.Lock()
_drawing: dict[int, subprocess.Popen[bytes]] = {}  # by the process that asks


def _ask(data: bytes, side: int) -> tuple[bytes, bytes]:
  worker = _drawing.get(os.getpid())
  if worker is None or worker.poll() is not None:
    worker = _start()
  assert worker.stdin is not None
  assert worker.stdout is not None
  try:
    worker.stdin.write(f'{side} {len(data)}\n'.encode() + data)
    worker.stdin.flush()
    kind, size = worker.stdout.readline().split()
    told = worker.stdout.read(int(size))
    if len(told) == int(size):
      return kind, told
  except (OSError, ValueError):  # it has ended, by a limit or a crash
    pass
  except BaseException:  # Ctrl-C: what it would answer is for nobody
    _end()
    raise
  _end()
  return b'error', b'this SVG takes too long, or too much memory'


def _start() -> subprocess.Popen[bytes]:
  _end()
  worker = subprocess.Popen(
    [sys.executable, '-P', str(_WORKER)],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL,
    start_new_session=True,  # Ctrl-C is for those who ask
  )
  _drawing[os.getpid()] = worker
  return worker


def _end() -> None:
  worker = _drawing.pop(os.getpid(), None)
  if worker is not None:
    worker.kill()
    worker.communicate()


atexit.register(_end)
