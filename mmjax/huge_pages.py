"""Memory in pages of 2 MiB instead of 4 KiB, where Linux gives them on request.

A step on CPUs takes the memory for its activations anew, and Linux hands it out
page by page, when each is first written to: with small pages that is a sixth of
the time of a step (docs/performance.md). The C library asks for huge ones only
if its environment says so when the process starts.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_SETTING = Path('/sys/kernel/mm/transparent_hugepage/enabled')
_VARIABLE, _NAME = 'GLIBC_TUNABLES', 'glibc.malloc.hugetlb'


def restart(setting: Path = _SETTING) -> None:
  """Starts this process again, with the same arguments, to have huge pages.

  Call it first of all, before anything that takes time is imported. It returns
  where they are to be had without asking or not at all, and in a process that
  has been started so. Results do not depend on it; who does not want it sets
  `GLIBC_TUNABLES=glibc.malloc.hugetlb=0`.

  Args:
    setting: file in which Linux says when it gives huge pages.
  """
  given = asking(os.environ, setting)
  if given is not None:
    os.execve(sys.executable, sys.orig_argv, given)


def asking(
  environment: Mapping[str, str], setting: Path = _SETTING
) -> dict[str, str] | None:
  """The environment in which the C library asks for huge pages.

  Args:
    environment: that of now.
    setting: file in which Linux says when it gives huge pages.

  Returns:
    None where asking has been decided on already, or would change nothing.
  """
  known = environment.get(_VARIABLE, '')
  if _NAME in known:
    return None
  try:
    if '[madvise]' not in setting.read_text():
      return None
  except OSError:  # not Linux, or hidden by a container
    return None
  tunables = [known] if known else []
  return {**environment, _VARIABLE: ':'.join([*tunables, f'{_NAME}=1'])}
