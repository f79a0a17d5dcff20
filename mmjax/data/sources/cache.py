"""Files that are made once for each state of what they are made from."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from mmjax.types import InputError


def made_once(
  cache: str, kind: str, key: str, make: Callable[[Path], None]
) -> Path:
  """The file for `key`, made if it is not there.

  Several processes may make it at once; the last one's stays. Killed half-way
  it leaves nothing that would be taken for whole.

  Args:
    cache: folder to write under.
    kind: folder in it.
    key: all that the file depends on.
    make: writes it.

  Raises:
    InputError: the cache cannot be written.
  """
  digest = hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()
  file = Path(cache).expanduser() / kind / digest[:32]
  if file.exists():
    return file
  temporary = None
  try:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix='.making-')
    os.close(handle)
    temporary = Path(name)
    make(temporary)
    os.replace(temporary, file)
  except OSError as error:
    raise InputError(
      f'cannot write into {file.parent}: {error}: name another folder with '
      '--data.cache'
    ) from error
  finally:
    if temporary is not None:
      temporary.unlink(missing_ok=True)
  return file
