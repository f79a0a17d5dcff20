"""A dialogue on the page: asked by buttons, and in a browser."""

import json

import pytest

from mmjax.apps.dialogue import Dialogue
from mmjax.apps.opening import open_checkpoint
from mmjax.apps.web import markup
from mmjax.apps.web.buttons import Buttons, telling_on
from mmjax.apps.web.limits import Limits
from mmjax.apps.web.tasks import Tasks
from mmjax.types import InputError
from tests.apps.tiny_talkers import make_assistant
from tests.apps.web import sent
from tests.apps.web.conftest import served

LIMITS = Limits(characters=40, questions=2)


def test_words_of_a_dialogue_stay_words():
  dialogue = Dialogue.begin().asked('<b>so</b>?', [('image', None)])
  page = markup.dialogue(dialogue.answered('a & b').messages)
  assert '&lt;b&gt;so&lt;/b&gt;?' in page
  assert 'a &amp; b' in page
  assert page.count('mm-question') == page.count('mm-answer') == 1
  assert page.count('mm-part') == 1
  assert markup.quiet('') == ''


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  return make_assistant(tmp_path_factory.mktemp('chat') / 'run')


@pytest.mark.slow
def test_buttons_go_on_with_a_dialogue(run, tmp_path):
  pytest.importorskip('gradio')
  tasks = Tasks(open_checkpoint(run))
  assert tasks.modalities('chat') == ('image', 'audio', 'text')
  assert tasks.modalities('caption') == tasks.modalities('transcribe') == ()
  buttons = Buttons(tasks, LIMITS)
  picture = tmp_path / 'a.png'
  picture.write_bytes(sent.png())
  dialogue = None
  for number in range(2):
    cells = (str(picture) if not number else None, 'what?', None)
    *_, (dialogue, shown, left_out) = buttons.chat(dialogue, *cells)
    assert len(dialogue.messages) == 2 * (number + 1)
    assert shown.count('mm-answer') == number + 1
    assert left_out == ''
  assert len(dialogue.media['image']) == 1
  with pytest.raises(InputError, match='has 2 questions: begin again'):
    list(buttons.chat(dialogue, None, 'what?', None))
  # What cannot be asked is told in a sentence, and changes nothing.
  [(told, *others)] = telling_on(buttons.chat, before=3)(None, None, '', None)
  assert 'Give a picture or a sound or words first.' in told
  assert len(others) == 3
  assert all(one.get('__type__') == 'update' for one in others)


@pytest.mark.slow
def test_a_person_asks_twice(run, browser):
  pytest.importorskip('gradio')
  words = ('mmjax.apps.cli', 'web', '--checkpoint', str(run), '--port', '0')
  with served(*words) as url:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    tab = page.locator('#mm-chat')
    with page.expect_response(lambda r: '/upload?' in r.url):
      tab.locator('input[type=file]').first.set_input_files(
        {'name': 'a.png', 'mimeType': 'image/png', 'buffer': sent.png()}
      )
    tab.get_by_label('Words').fill('what <b>is</b> it?')
    tab.get_by_role('button', name='Ask').click()
    answers = tab.locator('.mm-answer')
    answers.first.wait_for()
    question = tab.locator('.mm-question').first
    assert 'what <b>is</b> it?' in question.inner_text()
    assert question.locator('.mm-part').inner_text() == 'picture'
    # The box is empty again once the answer is whole.
    page.wait_for_function(
      f'document.querySelector({json.dumps("#mm-chat textarea")}).value === ""'
    )
    tab.get_by_label('Words').fill('and now?')
    tab.get_by_label('Words').press('Enter')
    answers.nth(1).wait_for()
    assert tab.locator('.mm-question .mm-part').count() == 1
    assert tab.locator('[role=alert]').count() == 0
    tab.get_by_role('button', name='Begin again').click()
    answers.first.wait_for(state='detached')
    context.close()
