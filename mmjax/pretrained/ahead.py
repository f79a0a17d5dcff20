"""Work that threads do ahead of the one who wants it."""

import collections
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar('T')
R = TypeVar('R')


def map_ahead(
  function: Callable[[T], R], items: Iterable[T], *, threads: int | None = None
) -> Iterator[R]:
  """`map` by several threads, in order, and no further ahead than they are.

  Args:
    function: what releases the interpreter while it works, such as a copy.
    items: what it is called with.
    threads: how many; one for each core, 8 at most, if None.
  """
  count = threads or min(8, os.cpu_count() or 1)
  with ThreadPoolExecutor(count) as pool:
    waiting: collections.deque[Future[R]] = collections.deque()
    try:
      for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > count:
          yield waiting.popleft().result()
      while waiting:
        yield waiting.popleft().result()
    finally:
      for future in waiting:
        future.cancel()
