"""The source that a command is given: a place, and options that say more."""

from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from mmjax.data.sources.records import Records

WHAT = 'folder, manifest, Parquet, tars, TFDS folder, tfds:NAME, or a URL'


def parse_source(
  root: str, options: Sequence[str], *, prog: str, **fields: Any
) -> Records:
  """The records of a place; the options are fields of `Records`.

  Args:
    root: the place.
    options: such as `--columns.label species`; `--help` lists all, and exits.
    prog: what the command is called in help and errors.
    **fields: other defaults than those of `Records`.
  """
  return tyro.cli(
    Annotated[Records, tyro.conf.arg(name='')],
    default=Records(root=root, **fields),
    args=options,
    prog=prog,
    description=Records.__doc__,
  )
