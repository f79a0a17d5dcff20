"""`mmjax web --checkpoint C [--index I]`: a page to use a checkpoint with."""

import argparse
import threading
from collections.abc import Sequence
from typing import Annotated

import tyro

from mmjax.apps.web.limits import Limits
from mmjax.apps.web.page import make_page
from mmjax.apps.web.serve import serving
from mmjax.apps.web.tasks import open_tasks
from mmjax.main import keep_compiled
from mmjax.types import InputError

_EPILOG = """\
The other options are fields of mmjax.apps.web.limits.Limits, such as
--megabytes 4; --limits lists them. The page has a tab for each thing that the
checkpoint can do, and needs no network: docs/web.md.
"""


def main(argv: Sequence[str]) -> int:
  """Runs a command line, without `mmjax web`, until it is interrupted.

  Raises:
    InputError: the checkpoint, the index or an option cannot be used.
  """
  own, rest = _parser().parse_known_args(argv)
  limits = tyro.cli(
    Annotated[Limits, tyro.conf.arg(name='')],
    default=Limits(),
    args=['--help'] if own.limits else rest,
    prog='mmjax web --checkpoint CHECKPOINT',
    description=Limits.__doc__,
  )
  if own.checkpoint is None:
    raise InputError('--checkpoint CHECKPOINT is required')
  if not 0 <= own.port < 2**16:
    raise InputError(f'--port {own.port} is not in 0 to 65535')
  keep_compiled()
  tasks = open_tasks(own.checkpoint, own.index)

  def make():
    return make_page(tasks, limits=limits, title=own.title)

  with serving(make, limits=limits, host=own.host, port=own.port) as url:
    print(f'{url} (Ctrl-C ends it)', flush=True)
    threading.Event().wait()
  return 0


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog='mmjax web',
    description='A page in the browser: search, classify, transcribe, caption.',
    epilog=_EPILOG,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )
  parser.add_argument(
    '--checkpoint',
    help='folder of a run, or of a pretrained checkpoint, or owner/model',
  )
  parser.add_argument(
    '--index', help='what `mmjax search index` has made, to be searched'
  )
  parser.add_argument(
    '--host',
    default='127.0.0.1',
    help='address to listen at (127.0.0.1: this machine only)',
  )
  parser.add_argument(
    '--port', type=int, default=7860, help='port, 0 for any (7860)'
  )
  parser.add_argument('--title', default='mmjax', help='title of the page')
  parser.add_argument(
    '--limits', action='store_true', help='list the options for uploads'
  )
  return parser
