"""A person in a browser: clicks, uploads, and looks at results."""

import re

import pytest

from tests.apps.web import sent

pytestmark = pytest.mark.slow


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
  inputs = tab.locator('input[type=file]')
  one = {'Picture': inputs.first, 'Sound': inputs.last}[label]
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
  assert sorted(rows.locator('th').all_inner_texts()) == ['picture', 'words']
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
  page.get_by_role('option', name='sounds').click()
  tab.get_by_label('Record audio').click()
  tab.get_by_role('button', name='Record', exact=True).click()
  page.wait_for_timeout(700)
  tab.get_by_role('button', name='Stop', exact=True).click()
  page.wait_for_timeout(1500)
  tab.get_by_role('button', name='Search').click()
  only = tab.locator('.mm-card', has_text='this sound')
  only.wait_for()
  assert cards.count() == 1


def test_classes_that_are_typed_in(page):
  tab = open_tab(page, 'Classes')
  alert = tab.locator('[role=alert]')
  choose = tab.get_by_role('button', name='Choose')
  give(tab, 'Picture', 'a.png', sent.png(), 'image/png')
  choose.click()
  alert.filter(has_text='Give two classes or more').wait_for()
  tab.get_by_label('Classes').fill('a <b>cat</b>\na dog\nein Vogel')
  tab.get_by_label('Prompts').fill('this is no place')
  choose.click()
  alert.filter(has_text='Each prompt needs a place {}').wait_for()
  tab.get_by_label('Prompts').fill('a photo of {}\n{}')
  choose.click()
  answer = tab.locator('#mm-classes-answer')
  answer.get_by_text('ein Vogel').first.wait_for()
  shares = re.findall(r'(\d+)%', answer.inner_text())
  assert len(shares) == 3
  assert 99 <= sum(map(int, shares)) <= 101
  assert 'a <b>cat</b>' in answer.inner_text(), 'names stay words'
  assert alert.count() == 0


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
    tab.get_by_label('Remove Image').click()
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
  large = b'\x89PNG' + bytes(2**20)
  tab.locator('input[type=file]').first.set_input_files(
    {'name': 'cat.png', 'mimeType': 'image/png', 'buffer': large}
  )
  toast = page.get_by_test_id('toast-body')
  toast.wait_for()
  assert 'exceed the maximum allowed size of 512.0 K' in toast.inner_text()
