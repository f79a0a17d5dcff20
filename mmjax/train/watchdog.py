"""Ends a process in which nothing is done any more.

When a peer dies, its heartbeats stop and `jax.distributed` ends the others. A
peer that hangs still has a heartbeat, and so do all that wait for it: nothing
but a clock can tell.
"""

import faulthandler
import os
import threading
import time
from typing import Any


class Watchdog:
  """Ends the process, code 1, when nobody feeds it for too long.

  What all threads were doing is printed first. Compiling counts as waiting, so
  the time must be longer than that of the longest compilation.
  """

  def __init__(self, seconds: float):
    """Waits for `seconds`; 0 turns it off."""
    self._seconds = seconds
    self._done = threading.Event()
    self._fed = time.monotonic()
    self._step = 0

  def feed(self, step: int | None = None) -> None:
    """Says that a step, a batch of an evaluation or a save is done."""
    self._fed = time.monotonic()
    if step is not None:
      self._step = step

  def __enter__(self) -> 'Watchdog':
    """Starts the clock."""
    self.feed()
    if self._seconds:
      threading.Thread(target=self._watch, name='watchdog', daemon=True).start()
    return self

  def __exit__(self, *_: Any) -> None:
    """Stops the clock."""
    self._done.set()

  def _watch(self) -> None:
    while True:
      left = self._seconds - (time.monotonic() - self._fed)
      if left <= 0:
        break
      if self._done.wait(left):
        return
    faulthandler.dump_traceback(2)
    # Plain writing: whatever hangs may hold the lock of a nicer printer.
    os.write(
      2,
      f'error: nothing was done for {self._seconds:g} s after step {self._step}'
      ' (see watchdog_seconds): a process or a device hangs, or the data; '
      'the same command goes on from the last checkpoint\n'.encode(),
    )
    # The main thread may never come back to see an exception.
    os._exit(1)
