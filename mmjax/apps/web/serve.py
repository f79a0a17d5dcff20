"""Starts and ends the server of the page."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from mmjax.apps.web.limits import Limits
from mmjax.types import InputError

_SECONDS_KEPT = 600  # uploads that nobody needs any more


@contextlib.contextmanager
def serving(
  make: Any, *, limits: Limits, host: str = '127.0.0.1', port: int = 7860
) -> Iterator[str]:
  """Serves a page; uploads are in a folder of their own, removed at the end.

  Args:
    make: makes the page, once all is set: `make_page` with its arguments.
    limits: what people may send.
    host: address to listen at.
    port: port; 0 for any that is free.

  Yields:
    Where it is.

  Raises:
    InputError: Gradio is not installed, or the port is taken.
  """
  with (
    tempfile.TemporaryDirectory(prefix='mmjax-web-') as folder,
    _set(
      GRADIO_TEMP_DIR=folder,
      GRADIO_ANALYTICS_ENABLED='False',
      GRADIO_SHARE='False',
      GRADIO_ALLOWED_PATHS='',
      GRADIO_MCP_SERVER='False',
      GRADIO_SSR_MODE='False',
      HF_HUB_OFFLINE='1',
    ),
  ):
    _require()
    page = make()
    page.delete_cache = (_SECONDS_KEPT, _SECONDS_KEPT)
    try:
      _launch(page, folder, limits, host, port)
    except OSError as error:
      raise InputError(f'cannot listen at {host}:{port}: {error}') from error
    try:
      yield page.local_url.rstrip('/')
    finally:
      page.close(verbose=False)


def _launch(
  page: Any, folder: str, limits: Limits, host: str, port: int
) -> None:
  from starlette.middleware import Middleware

  from mmjax.apps.web.guard import Guard
  from mmjax.apps.web.page import look

  guard = Middleware(Guard, uploads=folder, most=limits.bytes)
  page.launch(
    server_name=host,
    server_port=port or _free(host),
    share=False,
    quiet=True,
    inbrowser=False,
    show_error=False,
    prevent_thread_lock=True,
    max_file_size=limits.bytes,
    allowed_paths=[],
    ssr_mode=False,
    mcp_server=False,
    pwa=False,
    enable_monitoring=False,
    run_history=False,
    app_kwargs={
      'middleware': [guard],
      'docs_url': None,
      'redoc_url': None,
      'openapi_url': None,
    },
    **look(),
  )


def _require() -> None:
  try:
    import gradio  # noqa: F401
  except ImportError as error:
    raise InputError(
      "the page needs Gradio: pip install 'mmjax[web]'"
    ) from error


def _free(host: str) -> int:
  import socket

  with socket.socket(
    socket.AF_INET6 if ':' in host else socket.AF_INET
  ) as probe:
    probe.bind((host, 0))
    return probe.getsockname()[1]


@contextlib.contextmanager
def _set(**values: str) -> Iterator[None]:
  """With these in the environment, which Gradio reads."""
  old = {name: os.environ.get(name) for name in values}
  os.environ.update(values)
  try:
    yield
  finally:
    for name, value in old.items():
      if value is None:
        os.environ.pop(name, None)
      else:
        os.environ[name] = value
