"""Models that answer: the same as all at once; and `mmjax chat`."""

import dataclasses
import io
import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soundfile
from PIL import Image

from mmjax import pretrained
from mmjax.apps import chat
from mmjax.apps.cli import main
from mmjax.apps.dialogue import Dialogue
from mmjax.apps.opening import open_checkpoint
from mmjax.apps.talking import open_talker
from mmjax.decoders import Sample, Suppress, Temperature, make_generate
from mmjax.pretrained.generation import Options
from mmjax.types import InputError
from tests.apps import tiny_run
from tests.apps.tiny_talkers import (
  LENGTH,
  NEW,
  make_assistant,
  make_language,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def files(tmp_path_factory):
  folder = tmp_path_factory.mktemp('files')
  rng = np.random.default_rng(0)
  for name, most in (('a', 1), ('b', 256), ('c', 30)):
    pixels = rng.integers(0, most, (9, 7, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / f'{name}.png')
  soundfile.write(folder / 'a.wav', rng.normal(size=1200) * 0.1, 16_000)
  return folder


@pytest.fixture(scope='module')
def assistant(tmp_path_factory):
  return make_assistant(tmp_path_factory.mktemp('assistant') / 'run')


@pytest.fixture(scope='module')
def language(tmp_path_factory):
  return make_language(tmp_path_factory.mktemp('language') / 'letters')


def answers(talker, dialogue):
  """All that was streamed; each is longer than the one before."""
  found = list(talker.reply(dialogue))
  texts = [one.text for one in found]
  assert all(len(a) <= len(b) for a, b in itertools.pairwise(texts))
  return found


def test_an_assistant_hears_and_sees_what_is_attached(assistant, files):
  checkpoint = open_checkpoint(assistant)
  # What is drawn hangs on every bit of the model's odds.
  options = Options(max_new_tokens=NEW, temperature=1.0, seed=3)
  talker = open_talker(checkpoint, options)
  assert talker.modalities == ('image', 'audio')
  names = ['a.png', 'b.png', 'c.png']
  pictures = [talker.prepare('image', files / name) for name in names]
  sound = talker.prepare('audio', files / 'a.wav')
  # Three pictures fill up to four, which must not matter.
  attached = [('image', x) for x in pictures] + [('audio', sound)]
  dialogue = Dialogue.begin().asked('so?', attached)
  [*_, last] = answers(talker, dialogue)
  assert last.dropped == 0
  template = dataclasses.replace(
    checkpoint.config.data.chat, length=LENGTH - NEW
  )
  told = template(dialogue.messages, reply=True)
  write = make_generate(
    checkpoint.model,
    Sample(
      length=NEW,
      stop=(2,),
      rules=(Suppress(tokens=(260, 261)), Temperature(value=1.0)),
    ),
  )
  images, image_masks = zip(*pictures, strict=True)
  batch = {
    'image': np.stack(images)[None],
    'audio': sound[0][None, None],
    'mask': {
      'image': np.stack(image_masks)[None],
      'audio': sound[1][None, None],
    },
  }
  prompt = jnp.asarray(told.text[None]), jnp.asarray(told.mask[None])
  want = write(
    checkpoint.variables,
    *prompt,
    batch=jax.device_put(batch),
    keys=options.keys(1),
  )
  ids = np.asarray(want.tokens[0])[np.asarray(want.mask[0])]
  whole = template.tokenizer.decode(ids).strip()
  assert last.text == whole.rstrip('\ufffd')
  # The odds of a tiny model hardly tell one picture from another.
  given = []
  run = talker._run
  talker._run = lambda *args, **kwargs: (
    given.append(kwargs) or run(*args, **kwargs)
  )
  answers(talker, dialogue)
  [seen] = [one['batch'] for one in given]
  assert seen['mask']['image'].tolist() == [[True, True, True, False]]
  np.testing.assert_array_equal(seen['image'][0, :3], np.stack(images))
  np.testing.assert_array_equal(seen['audio'][0, 0], sound[0])
  assert np.unique(np.stack(images), axis=0).shape[0] == 3


def test_a_long_dialogue_loses_its_oldest_messages(assistant, files):
  talker = open_talker(open_checkpoint(assistant), Options(max_new_tokens=NEW))
  picture = talker.prepare('image', files / 'a.png')
  dialogue, dropped = Dialogue.begin(), []
  for number in range(5):
    dialogue = dialogue.asked(f'number {number}?', [('image', picture)])
    dropped.append(answers(talker, dialogue)[-1].dropped)
    dialogue = dialogue.answered('an answer')
  assert dropped[0] == 0
  assert dropped[-1] > 0
  assert dropped == sorted(dropped)
  # Whoever begins with what is left is told the same.
  kept = Dialogue(
    messages=dialogue.messages[dropped[-1] : -1],
    media={'image': (picture,) * ((10 - dropped[-1]) // 2)},
  )
  asked = Dialogue(messages=dialogue.messages[:-1], media=dialogue.media)
  one, two = (answers(talker, x)[-1] for x in (kept, asked))
  assert one.text == two.text
  assert (one.dropped, two.dropped) == (0, dropped[-1])
  with pytest.raises(InputError, match='does not fit'):
    answers(talker, Dialogue.begin().asked('a' * 100))


def test_a_language_model_answers_as_it_generates(language):
  talker = open_talker(open_checkpoint(language), Options(max_new_tokens=12))
  dialogue = Dialogue.begin('Be brief.').asked('ab')
  [*_, last] = answers(talker, dialogue)
  loaded = pretrained.load(language)
  text = 'system: Be brief.</s>\nuser: ab</s>\nassistant: '
  ids = loaded.preprocess.text.tokenizer.encode(text).ids
  found = loaded.generate(text=[ids], max_new_tokens=12)
  assert last.text == found['text'][0].strip()
  assert 2 in ids  # </s> is one id
  # Questions go with their answers, what sets the scene stays.
  for _ in range(6):
    dialogue = dialogue.answered('cd').asked('ab')
  [*_, last] = answers(talker, dialogue)
  assert last.dropped % 2 == 0
  assert last.dropped > 0
  with pytest.raises(InputError, match='more than the 116'):
    answers(talker, Dialogue.begin().asked('a' * 300))
  with pytest.raises(InputError, match='words alone, no image'):
    talker.prepare('image', 'a.png')


def test_a_model_without_a_template_is_stopped_at_the_next_question(
  tmp_path, monkeypatch
):
  folder = make_language(tmp_path / 'plain', template=None)
  talker = open_talker(open_checkpoint(folder))
  monkeypatch.setattr(
    'mmjax.apps.talking._texts',
    lambda *_: iter(['yes', 'yes\nUser: so', 'yes\nUser: so it is']),
  )
  found = [one.text for one in talker.reply(Dialogue.begin().asked('ab'))]
  assert found == ['yes', 'yes']


def run(capsys, monkeypatch, argv, lines=''):
  monkeypatch.setattr('sys.stdin', io.StringIO(lines))
  monkeypatch.setattr(chat, 'keep_compiled', lambda: None)
  code = main(['chat', *map(str, argv)])
  out, err = capsys.readouterr()
  return code, out, err


def test_the_command_answers_line_by_line(
  assistant, files, capsys, monkeypatch
):
  lines = (
    f'/image {files / "a.png"}\nwhat?\n\n/ask {files / "a.wav"}\n/new\nwhat?\n'
    '/quit\nnever asked\n'
  )
  argv = ['--checkpoint', assistant, '--max-new-tokens', NEW]
  code, out, err = run(capsys, monkeypatch, [*argv, '--json'], lines)
  assert code == 0, err
  found = [json.loads(line) for line in out.splitlines()]
  questions = [one['question'] for one in found]
  assert questions == ['what?', str(files / 'a.wav'), 'what?']
  code, streamed, _ = run(capsys, monkeypatch, argv, lines)
  assert streamed.splitlines() == [
    line for one in found for line in one['answer'].split('\n')
  ]
  # The same from the options.
  code, out, _ = run(
    capsys,
    monkeypatch,
    [*argv, '--json', '--image', files / 'a.png', '--', 'what?'],
  )
  assert json.loads(out)['answer'] == found[0]['answer']


def test_what_cannot_be_asked_is_told(
  assistant, language, files, tmp_path, capsys, monkeypatch
):
  argv = ['--checkpoint', assistant, '--max-new-tokens', NEW]
  lines = (
    f'/nonsense\n/image {files / "gone.png"}\n/ask {files / "a.png"}\n'
    f'{"a" * 100}\nwhat?\n'
  )
  code, out, err = run(capsys, monkeypatch, argv, lines)
  assert code == 2
  errors = err.splitlines()
  for part, line in zip(
    ('no command /nonsense', 'gone.png', 'a.png', 'does not fit'),
    errors,
    strict=True,
  ):
    assert line.startswith('error: ')
    assert part in line
  assert 'Traceback' not in err
  code, _, err = run(
    capsys, monkeypatch, ['--checkpoint', language], '/ask a.wav\n'
  )
  assert code == 2
  assert '--transcriber' in err
  deaf = tiny_run.make(tmp_path / 'run')
  for argv in (
    ['--checkpoint', deaf],
    ['--checkpoint', language, '--image', files / 'a.png'],
    ['--checkpoint', assistant, '--max-new-tokens', LENGTH],
    ['--checkpoint', assistant, '--temperature', -1],
  ):
    code, out, err = run(capsys, monkeypatch, argv, 'what?\n')
    assert (code, out) == (2, '')
    assert err.startswith('error: ')
    assert len(err.splitlines()) == 1


def test_spoken_questions_can_be_written_down_first(
  language, files, tmp_path, capsys, monkeypatch
):
  ear = tiny_run.make(tmp_path / 'ear')
  heard = open_checkpoint(ear).transcribe([files / 'a.wav'])[0]
  argv = ['--checkpoint', language, '--transcriber', ear, '--json']
  monkeypatch.setattr(
    'mmjax.apps.checkpoint.Checkpoint.transcribe', lambda *_: ['hello']
  )
  assert isinstance(heard, str)
  code, out, err = run(capsys, monkeypatch, argv, f'/ask {files / "a.wav"}\n')
  assert code == 0
  assert json.loads(out)['question'] == 'hello'
  assert '(heard: hello)' in err
