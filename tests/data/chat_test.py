import numpy as np
import pytest

from mmjax.data.chat import ChatTemplate
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError

IMAGE, AUDIO = 260, 261
CHAT = ChatTemplate(
  length=64,
  placeholders={'image': IMAGE, 'audio': AUDIO},
  tokens={'image': 3, 'audio': 1},
)


def said(role, text, *media):
  parts = [{'type': name} for name in media]
  return {'role': role, 'content': [*parts, {'type': 'text', 'text': text}]}


def spell(ids):
  """Text of ids, with placeholders as `<` and `>`, the end as `.`."""
  marks = {IMAGE: '<', AUDIO: '>', 1: '^', 2: '.'}
  return ''.join(
    marks[i] if i in marks else ByteTokenizer().decode(np.array([i]))
    for i in ids.tolist()
  )


def test_a_conversation_has_the_marks_of_its_roles_and_its_media():
  messages = [
    {'role': 'system', 'content': 'be kind'},
    said('user', 'what?', 'image', 'audio'),
    {'role': 'assistant', 'content': 'a cat'},
  ]
  found = CHAT(messages)
  text = '^be kind\nU: <<<>what?\nA: a cat.'
  assert spell(found.text[found.mask]) == text
  # What counts in training: the words of the answer, and that it ends.
  assert spell(found.text[found.answer]) == 'a cat.'
  assert found.items == {'image': [0], 'audio': [0]}
  assert found.dropped == 0
  assert (found.text[~found.mask] == 0).all()


def test_a_reply_begins_where_the_answer_of_training_does():
  asked = [said('user', 'what?', 'image')]
  told = CHAT([*asked, {'role': 'assistant', 'content': 'a cat'}])
  prompt = CHAT(asked, reply=True)
  count = prompt.mask.sum()
  np.testing.assert_array_equal(prompt.text[:count], told.text[:count])
  assert told.answer[count]
  assert not told.answer[:count].any()
  assert not prompt.answer.any()
  # Nothing but the answer is behind the prompt, also to those who cut it off.
  np.testing.assert_array_equal(told.mask & ~told.answer, prompt.mask)
  # An answer that is not the last has something between it and what follows.
  more = CHAT([*asked, {'role': 'assistant', 'content': 'a cat'}, *asked])
  assert spell(more.text[more.mask]).count('a cat.\nU: ') == 1


def test_the_oldest_messages_go_first_and_the_scene_stays():
  messages = [
    {'role': 'system', 'content': 'be kind'},
    said('user', 'x' * 20, 'image'),
    {'role': 'assistant', 'content': 'y' * 20},
    said('user', 'and this?', 'image'),
    said('user', 'or this?', 'image'),
  ]
  found = CHAT(messages, reply=True)
  text = '^be kind\nU: <<<and this?\nU: <<<or this?\nA: '
  assert spell(found.text[found.mask]) == text
  assert found.dropped == 2
  # The picture of the first message is not read any more.
  assert found.items['image'] == [1, 2]


@pytest.mark.parametrize(
  ('messages', 'message'),
  [
    ([said('user', 'x' * 70)], r'73 tokens|74 tokens.* of length 64'),
    ([said('robot', 'hi')], r"role 'robot' of a message is none of"),
    ([said('user', 'hi', 'smell')], r"type 'smell'.*none of \['audio', 'im"),
  ],
)
def test_what_cannot_be_written_is_told(messages, message):
  with pytest.raises(InputError, match=message):
    CHAT(messages)


def test_modalities_have_a_placeholder_and_a_number_of_tokens():
  with pytest.raises(InputError, match=r"placeholders are of \['image'\]"):
    ChatTemplate(placeholders={'image': 260})
  with pytest.raises(InputError, match='before has the roles'):
    ChatTemplate(before={'user': ''}, after={})
