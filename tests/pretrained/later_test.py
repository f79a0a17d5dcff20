"""A value is made once, when it is asked for, by whoever comes first."""

import copy
import dataclasses
import pickle
import threading
from typing import Any

import pytest

from mmjax.pretrained.later import Later, Lazy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thing:
  value: Any = Lazy()
  name: str = 'thing'


def _counted():
  calls = []

  def make():
    calls.append(threading.get_ident())
    return {'x': len(calls)}

  return calls, make


def test_a_field_is_made_when_it_is_read_and_only_then():
  calls, make = _counted()
  thing = Thing(value=Later(make))
  twin = copy.copy(thing)
  assert not calls
  other = dataclasses.replace(thing, value=3)
  assert (other.value, len(calls)) == (3, 0)
  assert thing.value == {'x': 1}
  assert twin.value is thing.value
  assert dataclasses.replace(thing, name='new').value is thing.value
  assert len(calls) == 1
  with pytest.raises(dataclasses.FrozenInstanceError):
    setattr(thing, 'value', 4)  # noqa: B010
  with pytest.raises(TypeError, match='value'):
    Thing()


def test_of_several_threads_one_makes_it():
  calls, make = _counted()
  later, found = Later(make), []
  threads = [
    threading.Thread(target=lambda: found.append(later())) for _ in range(8)
  ]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert len(calls) == 1
  assert all(x is found[0] for x in found)


def test_what_failed_is_tried_again():
  tries = []

  def make():
    tries.append(1)
    if len(tries) == 1:
      raise OSError('not now')
    return len(tries)

  thing = Thing(value=Later(make))
  with pytest.raises(OSError, match='not now'):
    _ = thing.value
  assert thing.value == 2


def test_copies_in_depth_and_for_other_processes_have_the_value():
  calls, make = _counted()
  thing = Thing(value=Later(make))
  for twin in (copy.deepcopy(thing), pickle.loads(pickle.dumps(thing))):
    assert twin.value == thing.value
    assert twin.value is not thing.value
  assert len(calls) == 1
