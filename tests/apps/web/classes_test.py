"""Classes that somebody types in, and what they are given for a file."""

import numpy as np
import pytest

from mmjax.apps.web.limits import Limits, Upload
from mmjax.apps.web.tasks import Tasks
from mmjax.types import InputError
from tests.apps.web import sent, tiny

NAMES, PROMPTS = ('cat', 'dog', 'a bird'), ('a {}', 'this is a {}!')


@pytest.fixture(scope='module')
def tasks():
  return Tasks(tiny.checkpoint())


def vectors(tasks, told):
  """Unit vectors of texts, one text at a time."""
  return np.stack([tasks.checkpoint.embed('text', [text])[0] for text in told])


@pytest.mark.slow
@pytest.mark.parametrize(
  ('modality', 'cell'),
  [('image', Upload('p', sent.png())), ('audio', Upload('s', sent.wav()))],
)
def test_probabilities_are_of_averaged_prompts(tasks, modality, cell):
  found = tasks.choose({modality: cell}, names=NAMES, prompts=PROMPTS)
  known = []
  for name in NAMES:
    x = vectors(tasks, [f'a {name}', f'this is a {name}!']).mean(axis=0)
    known.append(x / np.linalg.norm(x))
  [x] = tasks.checkpoint.embed(modality, [cell])
  odds = np.exp(tasks.checkpoint.scale * (np.array(known) @ x))
  np.testing.assert_allclose(list(found.values()), odds / odds.sum(), rtol=1e-4)
  assert tuple(found) == NAMES
  # Another prompt is another question.
  other = tasks.choose({modality: cell}, names=NAMES, prompts=('{}',))
  assert not np.allclose(list(other.values()), list(found.values()), rtol=1e-3)


@pytest.mark.slow
def test_what_is_given_is_a_picture_or_a_sound(tasks):
  assert tasks.modalities('classes') == ('image', 'audio')
  both = {'image': Upload('p', sent.png()), 'audio': Upload('s', sent.wav())}
  with pytest.raises(InputError, match=r'^Give a picture or a sound, not both'):
    tasks.choose(both, names=NAMES, prompts=PROMPTS)
  with pytest.raises(InputError, match=r'^Give a picture or a sound first'):
    tasks.choose({}, names=NAMES, prompts=PROMPTS)


def test_names_are_lines():
  limits = Limits(classes=3, class_characters=10)
  assert limits.class_names(' a  cat \r\n\n\ta dog\n') == ('a cat', 'a dog')
  assert limits.prompts(None) == limits.prompts('  \n') == ('{}',)
  assert limits.prompts('a {}\nno {}') == ('a {}', 'no {}')


@pytest.mark.parametrize(
  ('text', 'match'),
  [
    (None, '^Give two classes or more, one a line'),
    (' ', '^Give two classes or more'),
    ('cat\n \n', '^Give two classes or more'),
    ('a\nb\nc\nd', '^There are 4 classes, more than 3'),
    ('a\n' * 10**5, '^There are 100000 classes, more than 3'),
    ('cat\n' + 'e\u0301' * 6, '^A class has 12 characters, more than 10'),
    ('cat\ndog\n cat', "^The class 'cat' is there twice"),
  ],
)
def test_names_that_are_not_taken(text, match):
  with pytest.raises(InputError, match=match):
    Limits(classes=3, class_characters=10).class_names(text)


@pytest.mark.parametrize(
  ('text', 'match'),
  [
    ('a photo', '^Each prompt needs a place {} for the class'),
    ('{}\n{', '^Each prompt needs'),
    ('{}\n' * 4, '^There are 4 prompts, more than 3'),
    ('{}' * 6, '^A prompt has 12 characters, more than 10'),
  ],
)
def test_prompts_that_are_not_taken(text, match):
  with pytest.raises(InputError, match=match):
    Limits(classes=3, class_characters=10).prompts(text)
