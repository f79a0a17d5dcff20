"""What the server answers to who asks it without the page."""

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests.apps.web import sent

pytestmark = pytest.mark.slow


def fetch(url, data=None):
  """Status and body of an answer."""
  headers = {'content-type': 'application/json'}
  body = None if data is None else json.dumps(data).encode()
  request = urllib.request.Request(url, body, headers)
  try:
    with urllib.request.urlopen(request, timeout=60) as answer:
      return answer.status, answer.read()
  except urllib.error.HTTPError as error:
    return error.code, error.read()


@pytest.mark.parametrize(
  'path',
  [
    'gradio_api/file={}',
    'gradio_api/file=/{}',
    'gradio_api/file=/tmp/../{}',
    'gradio_api/file=%2e%2e/{}',
    'gradio_api/file/{}',
    'file={}',
    'static/../../../..{}',
    'static/..%2f..%2f..%2f..{}',
    'assets/%2e%2e/%2e%2e/%2e%2e/{}',
    'svelte/../..{}',
    'gradio_api/proxy=file://{}',
    'gradio_api/custom_component/1/x/y/..%2f..{}',
  ],
)
def test_no_file_of_the_server_is_readable(site, tmp_path, path):
  secret = tmp_path / 'secret.png'
  secret.write_bytes(b'nobody may read this')
  for file in (secret, Path(__file__), Path('/etc/passwd')):
    for name in (str(file), urllib.parse.quote(str(file), safe='')):
      status, body = fetch(f'{site}/{path.format(name)}')
      assert status in (400, 403, 404, 405), (name, status)
      assert b'nobody' not in body
      assert b'root:' not in body


def upload(site, data, name='a.png'):
  """Status and answer of an upload as a browser makes it."""
  body = (
    b'--edge\r\ncontent-disposition: form-data; name="files"; filename="'
    + name.encode()
    + b'"\r\ncontent-type: image/png\r\n\r\n'
    + data
    + b'\r\n--edge--\r\n'
  )
  kind = {'content-type': 'multipart/form-data; boundary=edge'}
  request = urllib.request.Request(f'{site}/gradio_api/upload', body, kind)
  try:
    with urllib.request.urlopen(request, timeout=60) as answer:
      return answer.status, json.loads(answer.read())
  except urllib.error.HTTPError as error:
    return error.code, []
  except urllib.error.URLError:  # refused while it was being sent
    return 413, []


def test_an_upload_stays_in_its_folder(site):
  assert upload(site, bytes(2**20))[0] == 413
  _, [plain] = upload(site, sent.png())
  _, [tricky] = upload(site, sent.png(), '../../../../tmp/mmjax-trick.png')
  assert Path(tricky).parent == Path(plain).parent
  assert not Path('/tmp/mmjax-trick.png').exists()


def test_a_question_names_no_file_and_no_address(site, tmp_path):
  config = json.loads(fetch(f'{site}/config')[1])
  kinds = {c['id']: c['type'] for c in config['components']}
  search = config['dependencies'][0]

  def ask(session, place):
    """What the search says of a picture at some place."""
    payload = {'path': place, 'meta': {'_type': 'gradio.FileData'}}
    given = {'image': payload, 'dropdown': 'all'}
    data = [given.get(kinds[i]) for i in search['inputs']]
    status, _ = fetch(
      f'{site}/gradio_api/queue/join',
      {'data': data, 'fn_index': search['id'], 'session_hash': session},
    )
    assert status == 200
    data = f'{site}/gradio_api/queue/data?session_hash={session}'
    return fetch(data)[1].decode()

  secret = tmp_path / 'secret.png'
  secret.write_bytes(sent.png())
  _, [own] = upload(site, sent.png())
  assert 'mm-card' in ask('own', own), 'an upload is searched with'
  places = [
    str(secret),
    '/etc/passwd',
    'file:///etc/passwd',
    f'{own}/../../../{secret.parent.name}/secret.png',
    f'{site}/static/img/x.png',
    'http://127.0.0.1:9/x.png',
  ]
  for number, place in enumerate(places):
    told = ask(f's{number}', place)
    assert '"success":false' in told, place
    assert 'mm-card' not in told
    assert 'Traceback' not in told
    assert 'root:' not in told
