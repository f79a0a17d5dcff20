"""The server answers a short list of addresses, whatever Gradio would do."""

import asyncio

import pytest

from mmjax.apps.web.guard import Guard


def ask(guard, path, *, method='GET', headers=(), parts=(b'',)):
  """The status and headers of an answer, and what the application saw."""
  sent = []
  parts = list(parts)

  async def receive():
    body = parts.pop(0)
    return {'type': 'http.request', 'body': body, 'more_body': bool(parts)}

  async def send(message):
    sent.append(message)

  scope = {
    'type': 'http',
    'path': path,
    'method': method,
    'headers': list(headers),
  }
  asyncio.run(guard(scope, receive, send))
  start, *bodies = sent
  body = b''.join(message['body'] for message in bodies)
  return start['status'], dict(start['headers']), body


async def echo(scope, receive, send):
  """Answers with what it was sent; 400 if it was cut off."""
  body = b''
  while True:
    message = await receive()
    if message['type'] == 'http.disconnect':
      await send({'type': 'http.response.start', 'status': 400})
      await send({'type': 'http.response.body', 'body': b'cut off'})
      return
    body += message['body']
    if not message['more_body']:
      break
  await send({'type': 'http.response.start', 'status': 200})
  await send({'type': 'http.response.body', 'body': body})


@pytest.fixture
def uploads(tmp_path):
  (tmp_path / 'secret').write_text('nobody may read this')
  folder = tmp_path / 'uploads'
  folder.mkdir()
  (folder / 'cat.png').write_bytes(b'a cat')
  (folder / 'link.png').symlink_to(tmp_path / 'secret')
  return folder


@pytest.fixture
def guard(uploads):
  return Guard(echo, uploads=str(uploads), most=1000)


@pytest.mark.parametrize(
  'path',
  [
    '/',
    '/config',
    '/theme.css',
    '/assets/index-Ab_1.js',
    '/static/fonts/system-ui/x.woff2',
    '/gradio_api/info',
    '/gradio_api/queue/data',
    '/gradio_api/heartbeat/a1b2',
  ],
)
def test_what_the_page_needs_is_answered(guard, path):
  status, headers, _ = ask(guard, path)
  assert status == 200
  assert b"default-src 'self'" in headers[b'content-security-policy']
  assert headers[b'x-content-type-options'] == b'nosniff'


@pytest.mark.parametrize(
  'path',
  [
    '/gradio_api/file=/etc/passwd',
    '/gradio_api/file=etc/passwd',
    '/gradio_api/file=https://example.com/x',
    '/gradio_api/file=file:///etc/passwd',
    '/gradio_api/file=',
    '/gradio_api/file/etc/passwd',
    '/file=/etc/passwd',
    '/gradio_api/proxy=https://example.com/x',
    '/gradio_api/stream/1/2/3/playlist-file',
    '/gradio_api/vibe-code',
    '/gradio_api/process_recording',
    '/gradio_api/run/predict',
    '/gradio_api/call/predict',
    '/gradio_api/custom_component/1/2/3/4',
    '/static/../../secret',
    '/static/..%2f..%2fsecret',
    '/assets/..\\secret',
    '/monitoring/summary',
    '/docs',
    '/openapi.json',
    '//etc/passwd',
    '/\0',
  ],
)
def test_nothing_else_is_answered(guard, path):
  status, _, body = ask(guard, path)
  assert status == 403
  assert body == b'{"detail": "this page has nothing of that name"}'


def test_only_uploads_are_files(guard, uploads):
  def status(name):
    return ask(guard, f'/gradio_api/file={name}')[0]

  assert status(uploads / 'cat.png') == 200
  assert status(uploads / 'link.png') == 403, 'a link leads out'
  assert status(uploads.parent / 'secret') == 403
  assert status(f'{uploads}/../secret') == 403
  assert status(f'{uploads}/%2e%2e/secret') == 403
  assert status(f'{uploads}%2f..%2fsecret') == 403
  assert status(f'{uploads}2/cat.png') == 403


@pytest.mark.parametrize('method', ['PUT', 'DELETE', 'TRACE'])
def test_methods(guard, method):
  assert ask(guard, '/', method=method)[0] == 403


def test_sizes(guard):
  def post(path, size, *, tell):
    headers = [(b'content-length', str(size).encode())] if tell else []
    half = b'x' * (size // 2)
    parts = (half, b'x' * (size - len(half)))
    return ask(guard, path, method='POST', headers=headers, parts=parts)

  upload, queue = '/gradio_api/upload', '/gradio_api/queue/join'
  assert post(upload, 1000, tell=True)[::2] == (200, b'x' * 1000)
  # What says that it is large is not read; what does not say so is cut off.
  assert post(upload, 10**6, tell=True)[0] == 413
  assert post(upload, 10**6, tell=False)[::2] == (400, b'cut off')
  assert post(queue, 10**6, tell=True)[0] == 413
  assert post(queue, 2**18, tell=False)[0] == 200
  status, _, _ = ask(guard, queue, headers=[(b'content-length', b'-1')])
  assert status == 413


def test_a_websocket_is_refused(guard):
  sent = []

  async def send(message):
    sent.append(message)

  scope = {'type': 'websocket', 'path': '/', 'headers': []}
  asyncio.run(guard(scope, None, send))
  assert sent == [{'type': 'websocket.close', 'code': 1008}]
