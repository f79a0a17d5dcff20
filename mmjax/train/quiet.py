"""Keeps what a failed save leaves behind from burying the line that says so.

On a full disk hundreds of Orbax's unfinished writes complain when they are
thrown away. The error itself reaches the training loop as a RunError.
"""

import logging
import sys
from typing import Any


def hush_failed_saves() -> None:
  """Drops those messages in this process, and no others."""
  logging.getLogger('asyncio').addFilter(_keeps_log)
  before = sys.unraisablehook

  def hook(raised: Any) -> None:
    # TensorStore tells an event loop that Orbax has closed meanwhile.
    if str(raised.exc_value) != 'Event loop is closed':
      before(raised)

  sys.unraisablehook = hook


def _keeps_log(record: logging.LogRecord) -> bool:
  return 'exception was never retrieved' not in record.getMessage()
