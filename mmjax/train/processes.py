"""What several processes decide together; one process agrees with itself."""

from collections.abc import Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils

_MOST = 1024
_LONGEST = 512


def agree(numbers: Sequence[int]) -> list[int]:
  """The numbers that process 0 has, at most 1024 of them, none negative."""
  if jax.process_count() == 1:
    return list(numbers)
  padded = np.full(_MOST, -1, np.int64)
  padded[: len(numbers)] = numbers[:_MOST]
  # JAX has 32-bit integers by default: steps are below 2**31.
  known = multihost_utils.broadcast_one_to_all(padded.astype(np.int32))
  return [int(number) for number in known if number >= 0]


def first_reason(reason: str | None) -> str | None:
  """The reason of the first process that has one."""
  if jax.process_count() == 1:
    return reason
  text = np.zeros(_LONGEST, np.uint8)
  encoded = np.frombuffer((reason or '').encode()[:_LONGEST], np.uint8)
  text[: encoded.size] = encoded
  for row in multihost_utils.process_allgather(text):
    found = bytes(row).rstrip(b'\0').decode(errors='replace')
    if found:
      return found
  return None


def wait(name: str) -> None:
  """Returns when every process is here."""
  if jax.process_count() > 1:
    multihost_utils.sync_global_devices(name)


def is_first() -> bool:
  """Whether this process writes what one of them has to write."""
  return jax.process_index() == 0
