"""What the server answers at all: a short list, and nothing from elsewhere."""

import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Any, Receive, Send], Awaitable[None]]

# Gradio has many more, which load from other servers, convert files, write code
# or tell of the machine.
_ROUTES = re.compile(
  r'/|/config|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json'
  r'|/(static|assets|svelte)/[\w./@-]+'
  r'|/gradio_api/(info|app_id|startup-events|theme\.css|upload'
  r'|upload_progress|queue/(join|data)|heartbeat/\w+|cancel|reset)/?'
)
_FILE = re.compile(r'/gradio_api/file=(.+)', re.DOTALL)
_JSON_BYTES = 2**18
_HEADERS = {
  # Nothing of the page may come from, or go to, another server.
  'content-security-policy': (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
  ),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}


class Guard:
  """Middleware: few routes, files of one folder only, bodies of some size."""

  def __init__(self, app: Asgi, *, uploads: str, most: int):
    """Guards an application.

    Args:
      app: what answers.
      uploads: folder of the only files that can be read.
      most: bytes of the largest upload.
    """
    self._app, self._most = app, most
    self._uploads = Path(os.path.realpath(uploads))

  async def __call__(
    self, scope: Mapping[str, Any], receive: Receive, send: Send
  ) -> None:
    """Answers one request."""
    if scope['type'] == 'lifespan':
      await self._app(scope, receive, send)
      return
    if scope['type'] != 'http':
      await send({'type': 'websocket.close', 'code': 1008})
      return
    if not self._allows(scope):
      await _refuse(send, 403, 'this page has nothing of that name')
      return
    is_upload = scope['path'].rstrip('/') == '/gradio_api/upload'
    # Around the file there is a little of the form.
    most = self._most + 2**16 if is_upload else _JSON_BYTES
    told = dict(scope['headers']).get(b'content-length', b'0')
    if not told.isdigit() or int(told) > most:
      await _refuse(send, 413, f'larger than {most} bytes')
      return
    seen = 0

    async def counted() -> Message:
      nonlocal seen
      message = await receive()
      seen += len(message.get('body', b''))
      if seen > most:
        return {'type': 'http.disconnect'}
      return message

    async def with_headers(message: Message) -> None:
      if message['type'] == 'http.response.start':
        own = [(k.encode(), v.encode()) for k, v in _HEADERS.items()]
        message = {**message, 'headers': [*message.get('headers', ()), *own]}
      await send(message)

    await self._app(scope, counted, with_headers)

  def _allows(self, scope: Mapping[str, Any]) -> bool:
    path = scope['path']
    if scope['method'] not in ('GET', 'HEAD', 'POST'):
      return False
    if '..' in path or '\\' in path or '\0' in path:
      return False
    if _ROUTES.fullmatch(path):
      return True
    file = _FILE.fullmatch(path)
    return file is not None and self._is_upload(file[1])

  def _is_upload(self, name: str) -> bool:
    # Gradio may decode once more.
    names = {name, unquote(name)}
    return all(
      os.path.isabs(one)
      and Path(os.path.realpath(one)).is_relative_to(self._uploads)
      for one in names
    )


async def _refuse(send: Send, status: int, reason: str) -> None:
  body = json.dumps({'detail': reason}).encode()
  headers = [
    (b'content-type', b'application/json'),
    (b'content-length', str(len(body)).encode()),
  ]
  await send(
    {'type': 'http.response.start', 'status': status, 'headers': headers}
  )
  await send({'type': 'http.response.body', 'body': body})
