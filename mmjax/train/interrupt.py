"""Ctrl-C as a wish that the training loop reads between two steps."""

import signal
from typing import Any

from mmjax.train.logs import say


class Interrupt:
  """Notes the first Ctrl-C inside a `with` statement; the second one raises.

  Attributes:
    asked: whether somebody wants the run to stop.
  """

  asked = False

  def __enter__(self) -> 'Interrupt':
    """Takes over Ctrl-C."""
    self._old = signal.signal(signal.SIGINT, self._ask)
    return self

  def _ask(self, *_: Any) -> None:
    self.asked = True
    say('stopping after this step; Ctrl-C again to stop without saving')
    signal.signal(signal.SIGINT, signal.default_int_handler)

  def __exit__(self, *_: Any) -> None:
    """Gives Ctrl-C back."""
    signal.signal(signal.SIGINT, self._old)
