"""A person in a browser: clicks, uploads, and looks at results."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from mmjax.apps.web.limits import Limits
from mmjax.apps.web.markup import Card, picture, sound
from mmjax.apps.web.page import make_page
from mmjax.apps.web.serve import serving
from mmjax.apps.web.tasks import Tasks
from tests.apps.web import sent, tiny

pytestmark = [
  pytest.mark.slow,
  # Gradio's and Playwright's own.
  pytest.mark.filterwarnings('ignore::DeprecationWarning'),
  pytest.mark.filterwarnings('ignore::ResourceWarning'),
  pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning'),
]
CHROMIUM = Path('/usr/bin/chromium')
LIMITS = Limits(megabytes=0.5, characters=60)


class _Tasks(Tasks):
  """A search that always finds the same, and says what it was asked."""

  found = ('image', 'audio')

  def modalities(self, task):
    return tiny.MODALITIES if task == 'search' else super().modalities(task)

  def search(self, inputs, *, kind):
    self.checkpoint.batch([inputs])
    red = picture(np.full((20, 30, 3), (255, 0, 0), np.uint8))
    tone = sound(np.sin(np.arange(8000) / 5).astype(np.float32))
    both = [Card('<i>red</i>.png', 0.75, red), Card(str(inputs), 0.5, tone)]
    return [both[self.found.index(kind)]] if kind != 'all' else both


@pytest.fixture(scope='module')
def site():
  pytest.importorskip('gradio')
  tasks = _Tasks(tiny.Checkpoint())

  def make():
    return make_page(tasks, limits=LIMITS, title='Tiny <model>')

  with serving(make, limits=LIMITS, port=0) as url:
    yield url


@pytest.fixture(scope='module')
def browser():
  api = pytest.importorskip('playwright.sync_api')
  if not CHROMIUM.exists():
    pytest.skip(f'there is no {CHROMIUM}')
  with api.sync_playwright() as playwright:
    browser = playwright.chromium.launch(
      executable_path=str(CHROMIUM),
      args=[
        '--no-sandbox',
        '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream',
      ],
    )
    yield browser
    browser.close()


@pytest.fixture
def page(site, browser):
  """The page in a new tab; at its end, all requests were to its server."""
  context = browser.new_context(permissions=['microphone'])
  page = context.new_page()
  page.set_default_timeout(60_000)
  asked, troubles = [], []
  context.on('request', lambda request: asked.append(request.url))
  page.on('pageerror', lambda error: troubles.append(str(error)))
  page.on('dialog', lambda dialog: troubles.append(dialog.message))
  page.goto(site)
  page.locator('.mm-head').wait_for()
  yield page
  context.close()
  elsewhere = [u for u in asked if not u.startswith((site, 'data:', 'blob:'))]
  assert not elsewhere
  assert not troubles


def open_tab(page, name):
  page.get_by_role('tab', name=name).click()
  return page.locator(f'#mm-{name.lower()}')


def give(tab, label, name, data, kind=''):
  """Uploads a file and waits until the page shows that it has it."""
  order = [box.get_attribute('data-testid') for box in tab.locator('x').all()]
  assert order == []
  place = {'Picture': 0, 'Sound': -1}[label]
  inputs = tab.locator('input[type=file]')
  one = inputs.nth(inputs.count() + place if place < 0 else place)
  with tab.page.expect_response(lambda r: '/upload?' in r.url) as answer:
    one.set_input_files({'name': name, 'mimeType': kind, 'buffer': data})
  assert answer.value.status == 200


def test_classify(page):
  assert page.locator('.mm-head').inner_text() == 'Tiny <model>'
  tab = open_tab(page, 'Classify')
  give(tab, 'Picture', 'cat.png', sent.png(), 'image/png')
  tab.get_by_label('Words').fill('a cat')
  tab.get_by_role('button', name='Classify').click()
  rows = tab.locator('.mm-effects tbody tr')
  rows.first.wait_for()
  assert sorted(rows.locator('th').all_inner_texts()) == ['image', 'text']
  answer = tab.locator('#mm-classify-answer')
  shares = re.findall(r'(\d+)%', answer.inner_text())
  assert 99 <= sum(map(int, shares)) <= 101
  assert '<b>cat</b>' in answer.inner_text(), 'names stay words'
  drawn = tab.locator('.mm-figure img')
  assert drawn.count() == 1
  assert drawn.evaluate('image => image.naturalWidth') == 330
  assert tab.locator('[role=alert]').count() == 0


def test_search_by_words_and_by_recording(page):
  tab = open_tab(page, 'Search')
  tab.get_by_label('Words').fill('ein roter Hund')
  tab.get_by_label('Words').press('Enter')
  cards = tab.locator('.mm-card')
  cards.first.wait_for()
  assert cards.first.locator('.mm-title').inner_text() == '<i>red</i>.png'
  size = cards.first.locator('img').evaluate(
    'x => [x.naturalWidth, x.naturalHeight]'
  )
  assert size == [30, 20]
  assert 'ein roter Hund' in cards.nth(1).inner_text()
  player = cards.nth(1).locator('audio')
  player.evaluate('x => { x.muted = true; return x.play(); }')
  assert abs(player.evaluate('x => x.duration') - 0.5) < 0.01
  # Only sounds, by what is said into the microphone.
  tab.get_by_label('Words').fill('')
  tab.get_by_label('Show').click()
  page.get_by_role('option', name='audio').click()
  tab.get_by_label('Record audio').click()
  tab.get_by_role('button', name='Record', exact=True).click()
  page.wait_for_timeout(700)
  tab.get_by_role('button', name='Stop', exact=True).click()
  page.wait_for_timeout(1500)
  tab.get_by_role('button', name='Search').click()
  only = tab.locator('.mm-card', has_text='this sound')
  only.wait_for()
  assert cards.count() == 1


def test_transcribe_and_caption(page):
  tab = open_tab(page, 'Transcribe')
  give(tab, 'Sound', 'a.wav', sent.wav(), 'audio/wav')
  tab.get_by_role('button', name='Transcribe').click()
  words = tab.locator('.mm-words')
  words.wait_for()
  assert words.inner_text() == "['audio'] <i>"
  tab = open_tab(page, 'Caption')
  give(tab, 'Picture', 'a.png', sent.png(), 'image/png')
  tab.get_by_label('Words').fill('what is it?')
  tab.get_by_role('button', name='Caption').click()
  tab.locator('.mm-words').wait_for()
  assert tab.locator('.mm-words').inner_text() == "['image', 'text'] <i>"


def test_what_cannot_be_used_gets_a_sentence(page, rng):
  tab = open_tab(page, 'Classify')
  button = tab.get_by_role('button', name='Classify')
  alert = tab.locator('[role=alert]')

  def told(words):
    button.click()
    alert.filter(has_text=words).wait_for()
    assert 'Traceback' not in page.content()
    assert '.py' not in alert.inner_text()

  told('Give a picture or words or a sound first.')
  tab.get_by_label('Words').fill('e' + '\u0301' * 60)
  told('The text has 61 characters, more than 60.')
  tab.get_by_label('Words').fill('')
  files = [x for x in sent.malformed(rng, 6) if x[0].endswith('.png')]
  for name, data in files[:7]:
    give(tab, 'Picture', name, data, 'image/png')
    told('empty file' if name == 'empty.png' else 'Cannot read this picture')
    tab.get_by_label('Clear').first.click()
    tab.get_by_label('Words').fill('a cat')
    button.click()  # It goes on.
    alert.wait_for(state='detached')
    tab.get_by_label('Words').fill('')
  inputs = tab.locator('input[type=file]').last
  for name, data in list(sent.malformed(rng, 0))[8:10]:
    inputs.set_input_files(
      {'name': 'a.wav', 'mimeType': 'audio/wav', 'buffer': data}
    )
    page.wait_for_timeout(500)
    told('his sound')
    assert name


def test_a_file_that_is_too_large_is_not_taken(page):
  tab = open_tab(page, 'Classify')
  with page.expect_response(lambda r: '/upload?' in r.url) as answer:
    tab.locator('input[type=file]').first.set_input_files(
      {
        'name': 'cat.png',
        'mimeType': 'image/png',
        'buffer': b'\x89PNG' + bytes(2**20),
      }
    )
  assert answer.value.status == 413
  assert 'Traceback' not in page.content()


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


def test_a_question_names_no_file_and_no_address(site, tmp_path):
  _, config = fetch(f'{site}/config')
  config = json.loads(config)
  calls = [
    call for call in config['dependencies'] if len(call.get('inputs', [])) > 2
  ]
  kinds = {c['id']: c['type'] for c in config['components']}
  secret = tmp_path / 'secret.png'
  secret.write_bytes(sent.png())
  places = [str(secret), '/etc/passwd', f'{site}/static/img/x.png']
  places += ['http://127.0.0.1:9/x.png', 'file:///etc/passwd', '../x.png']
  for call in calls[:2]:
    for number, place in enumerate(places):
      payload = {'path': place, 'meta': {'_type': 'gradio.FileData'}}
      data = [
        payload if kinds[i] in ('image', 'audio') else None
        for i in call['inputs']
      ]
      session = f's{call["id"]}x{number}'
      status, body = fetch(
        f'{site}/gradio_api/queue/join',
        {'data': data, 'fn_index': call['id'], 'session_hash': session},
      )
      if status == 200:
        status, body = fetch(
          f'{site}/gradio_api/queue/data?session_hash={session}'
        )
        assert b'"success":false' in body.replace(b' ', b''), place
      assert b'nobody' not in body
      assert b'root:' not in body
      assert b'Traceback' not in body
