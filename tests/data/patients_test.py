"""Patients: a rare finding, parts that are missing, words that mislead."""

import numpy as np
import pytest

from mmjax.data import pipeline
from mmjax.data.datasets import patients_reports, patients_signs
from mmjax.data.datasets.patients import MEASURED, MISSING, Patients
from mmjax.types import InputError

SMALL = Patients(examples={'train': 1500, 'validation': 64, 'test': 64})


def take(split, count=64):
  return next(iter(pipeline.eval_batches(SMALL, split, batch_size=count)))


@pytest.fixture(scope='module')
def train():
  return take('train', count=1500)


def test_arrays_are_as_said(train):
  assert train['image'].shape == (1500, 48, 48, 1)
  assert train['audio'].shape == (1500, patients_signs.SAMPLES)
  assert train['text'].shape == (1500, 48)
  assert train['tabular']['numeric'].shape == (1500, len(MEASURED))
  assert SMALL.classes == {'label': ('no finding', 'finding')}


def test_one_in_twelve_has_the_finding(train):
  assert 0.06 < train['label'].mean() < 0.11


def test_parts_are_missing_and_nothing_stands_there(train):
  mask = train['mask']
  here = {
    'image': mask['image'],
    'text': mask['text'].any(axis=1),
    'audio': mask['audio'].all(axis=1),
    'tabular': mask['tabular']['numeric'],
  }
  for name, share in MISSING.items():
    assert np.mean(~here[name]) == pytest.approx(share, abs=0.04)
  assert not train['image'][~here['image']].any()
  assert not train['text'][~here['text']].any()
  assert not train['audio'][~here['audio']].any()
  assert not train['tabular']['numeric'][~here['tabular']].any()
  # What is missing tells nothing.
  for name in ('image', 'text', 'audio'):
    there, gone = (train['label'][here[name] == x].mean() for x in (1, 0))
    assert there == pytest.approx(gone, abs=0.08)


def test_a_patient_is_a_function_of_seed_split_and_row():
  one, again, other = take('test'), take('test'), take('validation')
  seeded = Patients(seed=1, examples=SMALL.examples)
  new = next(iter(pipeline.eval_batches(seeded, 'test', batch_size=64)))
  for name in ('image', 'text', 'audio', 'label'):
    np.testing.assert_array_equal(one[name], again[name])
    assert not np.array_equal(one[name], other[name])
    assert not np.array_equal(one[name], new[name])
  # Of fewer patients they are the first.
  few = Patients(examples={'train': 1, 'validation': 1, 'test': 3})
  some = next(iter(pipeline.eval_batches(few, 'test', batch_size=3)))
  np.testing.assert_array_equal(some['image'], one['image'][:3])


def test_wordings_are_held_out_and_words_are_not():
  train = [SMALL.text('train', row) for row in range(1500)]
  test = [SMALL.text('test', row) for row in range(64)]
  held_out = 'on the left there is'
  assert not any(held_out in text for text in train)
  assert any(held_out in text for text in test)
  known = {word for text in train for word in text.split()}
  assert {word for text in test for word in text.split()} <= known
  assert max(len(text.split()) for text in train + test) <= 48


def test_opposites_have_the_same_words():
  """Some of what means yes is what means no, in another order."""
  bags = {True: set(), False: set()}
  rng = np.random.default_rng(0)
  for there in (True, False):
    for _ in range(600):
      said = {'finding': there, 'scar': not there}
      text = patients_reports.write(said, rng, held_out=False)
      words = text.replace('.', '').replace(',', '').split()
      bags[there].add(tuple(sorted(w for w in words if w not in 'an')))
  assert len(bags[True] & bags[False]) > 5


def test_a_spot_is_bright_and_in_a_lung():
  def average(finding):
    pictures = [
      patients_signs.picture(
        np.random.default_rng(i), finding=finding, scar=False
      )
      for i in range(300)
    ]
    return np.mean(pictures, axis=0)[..., 0]

  more = average(1.0) - average(0.0)
  lungs = np.zeros(more.shape, bool)
  for x, y in ((15, 23), (33, 23)):
    lungs[y - 12 : y + 13, x - 7 : x + 8] = True
  assert more[lungs].mean() > more[~lungs].mean() + 1.5


def test_crackles_are_where_they_belong():
  def power(**crackles):
    found = np.zeros(patients_signs.SAMPLES // 2 + 1)
    for i in range(40):
      wave = patients_signs.sound(np.random.default_rng(i), **crackles)
      found += np.abs(np.fft.rfft(wave)) ** 2
    return found[700:900].sum(), found[250:400].sum()

  none = power(fine=False, coarse=False)
  fine, coarse = power(fine=True, coarse=False), power(fine=False, coarse=True)
  assert fine[0] / none[0] > 1.3 > fine[1] / none[1]
  assert coarse[1] / none[1] > 1.3 > coarse[0] / none[0]


def test_bad_fields_are_refused():
  with pytest.raises(InputError, match='examples has none of test'):
    Patients(examples={'train': 8, 'validation': 8})
