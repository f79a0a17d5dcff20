import threading

import pytest

from mmjax.pretrained.ahead import map_ahead


def test_results_come_in_order_from_several_threads():
  both = threading.Barrier(2, timeout=30)

  def meet(i):
    both.wait()  # Nobody passes alone.
    return i * i

  assert [*map_ahead(meet, range(10), threads=2)] == [i * i for i in range(10)]


def test_nothing_runs_far_ahead_and_errors_come_through():
  done = []

  def work(i):
    done.append(i)
    if i == 5:
      raise ValueError('five')
    return i

  found = map_ahead(work, range(100), threads=2)
  assert next(found) == 0
  assert len(done) <= 3
  with pytest.raises(ValueError, match='five'):
    list(found)
  assert max(done) < 10
