"""How fast the run is, and what it waits for."""

import contextlib
import time
from collections.abc import Callable, Iterator

import numpy as np

from mmjax.train import hardware


class Times:
  """Step times between two lines of the log.

  Time is read where the host learns that a step is done; work between steps,
  such as validation, is left out with `pause`.
  """

  def __init__(
    self,
    *,
    batch_size: int,
    flops: int = 0,
    peak: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
  ):
    """Starts the clock.

    Args:
      batch_size: examples in a step.
      flops: floating-point operations in a step.
      peak: what all devices together are said to do in a second.
      clock: seconds.
    """
    self._batch_size, self._flops, self._peak = batch_size, flops, peak
    self._clock = clock
    self._since = clock()
    self._compiled = False
    self._laps: list[float] = []
    self._waited = 0.0

  @contextlib.contextmanager
  def waiting(self) -> Iterator[None]:
    """Counts the time inside as waiting for data."""
    start = self._clock()
    try:
      yield
    finally:
      self._waited += self._clock() - start

  def lap(self) -> None:
    """Ends a step. The first is not counted: it compiled."""
    now = self._clock()
    if self._compiled:
      self._laps.append(now - self._since)
    else:
      self._compiled, self._waited = True, 0.0
    self._since = now

  def pause(self) -> None:
    """Starts the clock anew, after work that is not training."""
    self._since = self._clock()

  def take(self) -> dict[str, float]:
    """The numbers since the last time; none without a step.

    Returns:
      `examples_per_second`, the median and 95th percentile of a step's time,
      the mean time a step waited for data (seconds), memory (GiB), and the
      share of the peak FLOP/s that was used (MFU), where a peak is known.
    """
    laps, waited = self._laps, self._waited
    self._laps, self._waited = [], 0.0
    if not laps:
      return {}
    median = float(np.median(laps))
    numbers = {
      'examples_per_second': len(laps)
      * self._batch_size
      / max(sum(laps), 1e-9),
      'step_seconds': median,
      'step_seconds_p95': float(np.percentile(laps, 95)),
      'data_seconds': waited / len(laps),
      **hardware.memory(),
    }
    if self._peak and self._flops:
      numbers['mfu'] = self._flops / max(median, 1e-9) / self._peak
    return numbers
