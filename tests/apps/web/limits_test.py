"""What the page takes is looked at before it is used."""

import pytest

from mmjax.apps.web.limits import Limits, Upload, sentence
from mmjax.data.errors import RecordError
from mmjax.data.sources.record import Blob
from mmjax.types import InputError


def test_an_upload_is_a_cell_without_its_path(tmp_path):
  (tmp_path / 'My cat.PNG').write_bytes(b'meow')
  taken = Limits().picture(str(tmp_path / 'My cat.PNG'))
  assert isinstance(taken, Blob)
  assert taken == Upload('this picture', b'meow')
  assert taken.read() == b'meow'


@pytest.mark.parametrize(
  ('name', 'data', 'match'),
  [
    ('cat.exe', b'x', r'^This page takes pictures that end in \.png, .*ppm\.$'),
    ('cat.svg', b'<svg/>', r'takes pictures that end in'),
    ('png', b'x', r'takes pictures that end in'),
    ('cat.png', b'', r'^The picture is an empty file\.$'),
    ('cat.png', b'x' * 1500, r'^The picture is larger than 0\.001 MiB\.$'),
    ('gone.png', None, r'^The picture did not arrive; send it again\.$'),
  ],
)
def test_files_that_are_not_taken(tmp_path, name, data, match):
  if data is not None:
    (tmp_path / name).write_bytes(data)
  with pytest.raises(InputError, match=match):
    Limits(megabytes=0.001).picture(str(tmp_path / name))


def test_fewer_endings(tmp_path):
  file = tmp_path / 'a.mp3'
  file.write_bytes(b'x')
  assert Limits().sound(str(file)).name == 'this sound'
  with pytest.raises(InputError, match=r'sounds that end in \.wav\.'):
    Limits(sounds=('.wav',)).sound(str(file))
  with pytest.raises(InputError, match=r"pictures: '\.svg' is none of \.png,"):
    Limits(pictures=('.png', '.svg'))
  with pytest.raises(InputError, match='megabytes -1.0 is not above 0'):
    Limits(megabytes=-1.0)


def test_texts_are_measured_before_they_are_used():
  limits = Limits(characters=10)
  assert limits.text('  a cat\n') == 'a cat'
  assert limits.text('   ') is limits.text('') is limits.text(None) is None
  with pytest.raises(
    InputError, match='The text has 11 characters, more than 10'
  ):
    limits.text('e' + '\u0301' * 10)


def test_what_went_wrong_names_no_path():
  error = RecordError('cannot read this sound: no', file='/home/me/x.wav')
  assert sentence(error) == 'Cannot read this sound: no.'
  assert sentence(InputError('Too long!')) == 'Too long!'
  error = InputError("/home/me/x.index has no audio ('/home/me') and/or 1/2")
  assert sentence(error) == "… has no audio ('…') and/or 1/2."
  assert sentence(OSError('/home/me/x.wav')) == (
    'Something went wrong inside; the log of the server tells what.'
  )
