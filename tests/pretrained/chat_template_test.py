"""Conversations in the words of a checkpoint's own template."""

import pytest

from mmjax.pretrained.chat_template import chat_template, render
from mmjax.types import InputError
from tests.apps.tiny_talkers import CHATML, make_language


@pytest.fixture(scope='module')
def language(tmp_path_factory):
  return make_language(tmp_path_factory.mktemp('language') / 'letters')


def test_templates_are_rendered_in_a_sandbox(language):
  assert chat_template(language) == CHATML
  with pytest.raises(InputError, match='nothing was said'):
    render(CHATML, language, [])
  said = [{'role': 'user', 'content': 'hello'}]
  for evil in (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    '{{ messages.append(1) }}',
    '{% include "config.json" %}',
    '{{ 1 +',
  ):
    with pytest.raises(InputError, match='the chat template of'):
      render(evil, language, said)


@pytest.mark.slow
def test_templates_are_rendered_as_by_transformers(language):
  transformers = pytest.importorskip('transformers')
  tokenizer = transformers.AutoTokenizer.from_pretrained(language)
  said = [
    {'role': 'system', 'content': 'Be brief. '},
    {'role': 'user', 'content': 'Is <b>1 & 1</b> two?'},
    {'role': 'assistant', 'content': ' Yes.\n'},
    {'role': 'user', 'content': 'Sure?'},
  ]
  control = (
    '{% for m in messages %}\n  {% if loop.index > 3 %}{% break %}{% endif %}\n'
    '{{ m.content }}{% endfor %}\n'
  )
  for template in (CHATML, control):
    want = tokenizer.apply_chat_template(
      said, chat_template=template, tokenize=False, add_generation_prompt=True
    )
    assert render(template, language, said) == want
