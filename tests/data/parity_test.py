"""Parity: each modality shows its bit, and no fewer than all say the label."""

import itertools

import numpy as np
import pytest

from mmjax.data import pipeline
from mmjax.data.datasets.parity import WORDS, Parity
from mmjax.data.tokenizers import ByteTokenizer


def read(batch):
  """The bits, told from the noisy arrays without any training."""
  image = batch['image'][..., 0]
  right = image[:, :, 4:].mean((1, 2)) > image[:, :, :4].mean((1, 2))
  tokenizer = ByteTokenizer(length=8)
  odd = {tuple(tokenizer(word)[0]) for word in WORDS[1]}
  text = np.array([tuple(row) in odd for row in batch['text'].tolist()])
  power = np.abs(np.fft.rfft(batch['audio'], axis=1))
  bins = [round(f * batch['audio'].shape[1] / 16_000) for f in (500, 1500)]
  high = power[:, bins[1]] > power[:, bins[0]]
  return {'image': right, 'text': text, 'audio': high}


@pytest.mark.parametrize(
  'modalities', [('image', 'text', 'audio'), ('image', 'audio')]
)
def test_the_label_is_the_parity_of_the_bits(modalities):
  data = Parity(modalities=modalities)
  batch = next(iter(pipeline.eval_batches(data, 'test', batch_size=512)))
  assert sorted(batch['mask']) == sorted(modalities)
  if 'text' not in batch:
    batch = {**batch, 'text': np.zeros((512, 8), int)}
  bits = read(batch)
  parity = sum(bits[name].astype(int) for name in modalities) % 2
  np.testing.assert_array_equal(parity, batch['label'])
  # Any fewer say nothing; a standard error is 0.022.
  for count in range(1, len(modalities)):
    for names in itertools.combinations(modalities, count):
      guess = sum(bits[name].astype(int) for name in names) % 2
      assert 0.4 < (guess == batch['label']).mean() < 0.6


def test_splits_differ_and_never_change():
  one, again, other = (
    next(iter(pipeline.eval_batches(Parity(), split, batch_size=4)))
    for split in ('test', 'test', 'validation')
  )
  np.testing.assert_array_equal(one['audio'], again['audio'])
  assert not np.array_equal(one['audio'], other['audio'])


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'modalities': ('image',)}, 'are fewer than two'),
    ({'modalities': ('image', 'image')}, 'names one twice'),
    ({'modalities': ('image', 'txt')}, "no modality of parity 'txt', perhaps"),
    ({'noise': -1.0}, 'noise -1.0 is negative'),
    ({'text_length': 6}, 'text_length 6 is less than 7'),
  ],
)
def test_bad_fields_are_named(fields, message):
  with pytest.raises(ValueError, match=message):
    Parity(**fields)
