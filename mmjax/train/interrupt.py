"""Ctrl-C and SIGTERM as wishes that the training loop reads between two steps.

In one process a handler notes them. Where `jax.distributed` runs, its own
handler takes SIGTERM, tells every process and agrees on a step that none of
them has begun; a handler of Python's would take its place, so there is none,
and Ctrl-C is passed on as a SIGTERM to oneself.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

import jax
from jax.experimental import multihost_utils

from mmjax.train.errors import Stopped
from mmjax.train.logs import say


class Interrupt:
  """Notes the first signal inside a `with` statement; a second Ctrl-C raises.

  Attributes:
    signal: what came first, or None; of this process alone.
  """

  signal: int | None = None

  def __enter__(self) -> 'Interrupt':
    """Takes over the signals; only a main thread can."""
    self._together = jax.distributed.is_initialized()
    self._old = {}
    if threading.current_thread() is threading.main_thread():
      taken = [signal.SIGINT]
      if not self._together:
        taken.append(signal.SIGTERM)
      self._old = {one: signal.signal(one, self._ask) for one in taken}
    return self

  def reached(self, step: int) -> bool:
    """Whether to stop after this step; all processes get the same answer.

    Each must ask after each step.
    """
    if self._together:
      return multihost_utils.reached_preemption_sync_point(step)
    return self.signal is not None

  def at_once(self) -> bool:
    """Whether to leave work that a stopped run need not finish.

    Never where others would wait for this process to do its part of it.
    """
    return self.signal is not None and not self._together

  def end(self, step: int) -> NoReturn:
    """Raises Stopped, which ends the run with the exit code of the signal."""
    say(f'stopped at step {step}; the same command goes on from there')
    raise Stopped(130 if self.signal == signal.SIGINT else 0)

  def _ask(self, number: int, _: Any) -> None:
    self.signal = self.signal or number
    if number != signal.SIGINT:
      say('SIGTERM: saving after this step')
      return
    say('stopping after this step; Ctrl-C again to stop without saving')
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if self._together:
      os.kill(os.getpid(), signal.SIGTERM)

  def __exit__(self, *_: Any) -> None:
    """Gives the signals back."""
    for number, old in self._old.items():
      signal.signal(number, old)


@contextlib.contextmanager
def preemptible() -> Iterator[None]:
  """Makes SIGTERM raise Stopped, where there is nothing to save first.

  Where `jax.distributed` runs, its own handler stays. If it is to be started,
  that may come inside: the last handler counts.
  """

  def end(*_: Any) -> NoReturn:
    raise Stopped(0)

  in_main = threading.current_thread() is threading.main_thread()
  if jax.distributed.is_initialized() or not in_main:
    yield
    return
  old = signal.signal(signal.SIGTERM, end)
  try:
    yield
  finally:
    if not jax.distributed.is_initialized():
      signal.signal(signal.SIGTERM, old)
