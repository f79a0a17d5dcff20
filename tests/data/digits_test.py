import numpy as np
import pytest
from scipy.special import ive, logsumexp
from sklearn.datasets import load_digits

from mmjax.data.datasets.digits import HIGH, LOW, WORDS, Digits
from mmjax.data.pipeline import Dataset, eval_batches, train_batches
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError

CLEAN = Digits(
  image_noise=0.0, typos=0.0, snr=(20.0, 20.0), duration=(0.1, 0.2)
)
KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#']


def _prepared(data, split='test', rng=None, count=None):
  return [data.prepare(e, rng) for e in data.source(split)[:count]]


def test_splits_are_fixed_disjoint_and_stratified():
  splits = {s: Digits().source(s) for s in ('train', 'validation', 'test')}
  assert {s: len(x) for s, x in splits.items()} == {
    'train': 1293,
    'validation': 144,
    'test': 360,
  }
  rows = [e['row'] for examples in splits.values() for e in examples]
  assert sorted(rows) == list(range(1797))
  everything = np.bincount(load_digits().target) / 1797
  for examples in splits.values():
    counts = np.bincount([e['label'] for e in examples])
    np.testing.assert_allclose(counts, everything * len(examples), atol=1.5)
  # Written down: results stay comparable from one version to the next.
  assert [e['row'] for e in splits['test'][:8]] == [
    9,
    12,
    15,
    27,
    34,
    39,
    52,
    59,
  ]
  assert sum(e['row'] for e in splits['test']) == 337431


def test_is_a_dataset_and_its_batches_hold_what_they_should():
  assert isinstance(Digits(), Dataset)
  with train_batches(Digits(), batch_size=8, seed=0) as batches:
    batch = next(batches)
  assert {k: (v.shape, v.dtype) for k, v in batch.items() if k != 'mask'} == {
    'image': ((8, 8, 8, 1), np.uint8),
    'text': ((8, 12), np.int32),
    'audio': ((8, 4096), np.float32),
    'label': ((8,), np.int32),
    'group': ((8,), np.int32),
    'index': ((8,), np.int32),
    'weight': ((8,), np.float32),
  }
  masks = {k: (v.shape, v.dtype) for k, v in batch['mask'].items()}
  assert masks == {
    'image': ((8,), bool),
    'text': ((8, 12), bool),
    'audio': ((8, 4096), bool),
  }
  source = Digits().source('train')
  labels = [source[i]['label'] for i in batch['index']]
  np.testing.assert_array_equal(batch['label'], labels)


def test_without_corruption_all_three_say_the_digit():
  tokenizer = ByteTokenizer()
  images = load_digits().images
  for example in CLEAN.source('test')[:30]:
    new = CLEAN.prepare(example, None)
    digit = example['label']
    clean = np.rint(images[example['row']] * 255 / 16)
    np.testing.assert_array_equal(new['image'][..., 0], clean)
    assert tokenizer.decode(new['text']) == WORDS[digit]
    assert CLEAN.classes['label'][digit] == WORDS[digit]
    assert _key(new['audio'], new['mask']['audio']) == str(digit)
    assert new['label'] == new['group'] == digit


def _key(audio, mask):
  """Which key it is, from the spectrum: an ear independent of the module."""
  size = mask.sum()
  power = np.abs(np.fft.rfft(audio[:size], 16 * size)) ** 2
  hz = np.fft.rfftfreq(16 * size, 1 / 16_000)
  row, column = (
    np.argmax([power[np.argmin(abs(hz - f))] for f in group])
    for group in (LOW, HIGH)
  )
  return KEYS[row * 3 + column]


def test_audio_is_silent_where_it_is_not_real_and_of_varying_length():
  sizes = []
  for new in _prepared(Digits(), rng=np.random.default_rng(0)):
    mask = new['mask']['audio']
    sizes.append(mask.sum())
    assert mask[: sizes[-1]].all()
    assert not new['audio'][~mask].any()
    assert new['audio'][mask].all()
  assert 1600 <= min(sizes) < 1700
  assert 3100 < max(sizes) <= 3200


@pytest.mark.parametrize('snr', [-10.0, 0.0])
def test_the_tones_stand_as_far_from_the_noise_as_asked(snr):
  data = Digits(snr=(snr, snr))
  rng = np.random.default_rng(0)
  audio = np.stack([data.dial(5, rng)[0][:1600] for _ in range(400)])
  power = np.abs(np.fft.rfft(audio)) ** 2
  bins = [round(f / 10) for f in (770, 1336)]  # 10 Hz each
  near = [b + i for b in bins for i in range(-3, 4)]
  noise = np.delete(power, near, axis=1).mean(axis=1)
  tones = power[:, near].sum(axis=1) - len(near) * noise
  total = noise * power.shape[1]
  measured = 10 * np.log10(np.mean(tones / total))
  assert abs(measured - snr) < 0.3


def test_letters_are_lost_and_replaced_at_the_asked_rate():
  data = Digits(typos=0.4)
  rng = np.random.default_rng(0)
  words = [data.misspell('aaaaaaaaaa', rng) for _ in range(2000)]
  letters = ''.join(words)
  assert abs(len(letters) / 20_000 - 0.9) < 0.01
  replaced = 0.3 * 25 / 26  # one in 26 happens to be the same letter
  assert abs(sum(x != 'a' for x in letters) / 20_000 - replaced) < 0.01
  assert set(letters) == set('abcdefghijklmnopqrstuvwxyz')


def test_pixels_carry_the_asked_noise():
  grey = np.full((100, 100, 1), 8, np.uint8)
  new = Digits(image_noise=0.1).smudge(grey, np.random.default_rng(0))
  np.testing.assert_allclose(new.mean() / 255, 0.5, atol=0.005)
  np.testing.assert_allclose(new.std() / 255, 0.1, atol=0.005)


def test_training_corrupts_anew_and_evaluation_always_alike():
  data = Digits()
  example = data.source('test')[3]
  rng = np.random.default_rng(0)
  fresh = [data.prepare(example, rng) for _ in range(2)]
  fixed = [data.prepare(example, None) for _ in range(2)]
  for name in ('image', 'audio'):
    assert not np.array_equal(fresh[0][name], fresh[1][name])
    np.testing.assert_array_equal(fixed[0][name], fixed[1][name])
  np.testing.assert_array_equal(fixed[0]['text'], fixed[1]['text'])
  other = data.prepare({**example, 'row': example['row'] + 1}, None)
  assert not np.array_equal(other['image'], fixed[0]['image'])


def test_modalities_are_corrupted_independently():
  """Whether one is hard to read says nothing about the others."""
  data = Digits()
  rng = np.random.default_rng(0)
  source = data.source('train') * 3
  damage = []
  for example in source:
    new = data.prepare(example, rng)
    clean = example['image'] * (255 / 16)
    word = ByteTokenizer().decode(new['text'])
    right = sum(a == b for a, b in zip(word, WORDS[new['label']], strict=False))
    # Ink makes some noise clip, so compare within the empty pixels.
    empty = clean == 0
    damage.append(
      (
        new['image'][empty].mean(),
        right / len(WORDS[new['label']]),
        new['audio'].std(),
        new['mask']['audio'].sum(),
      )
    )
  correlation = np.corrcoef(np.array(damage).T)
  np.testing.assert_allclose(
    correlation[:2, 1:], [[0] * 3, [1, 0, 0]], atol=0.06
  )


def test_missing_leaves_modalities_out_in_training_only_and_never_all():
  data = Digits(missing=0.6)
  trained = _prepared(data, 'train', np.random.default_rng(0))
  here = np.array(
    [[m.any() for m in example['mask'].values()] for example in trained]
  )
  assert here.any(axis=1).all()
  # Each stays at 0.4, or when all would go (0.216) as one of three.
  np.testing.assert_allclose(here.mean(axis=0), 0.4 + 0.216 / 3, atol=0.05)
  for example in _prepared(data, 'test', count=50):
    assert all(m.any() for m in example['mask'].values())


def test_one_modality_is_ambiguous_and_three_are_not():
  """What the likelihoods, which no model sees, reach on the test split."""
  data = Digits()
  test = _prepared(data)
  label = np.array([e['label'] for e in test])
  scores = {
    'image': _image_scores(np.stack([e['image'] for e in test]), data),
    'text': np.stack(
      [
        _word_scores(ByteTokenizer().decode(e['text']), data.typos)
        for e in test
      ]
    ),
    'audio': np.stack(
      [_key_scores(e['audio'][e['mask']['audio']], data.snr) for e in test]
    ),
  }
  for each in scores.values():
    assert 0.85 < np.mean(each.argmax(axis=1) == label) < 0.93
  assert np.mean(sum(scores.values()).argmax(axis=1) == label) >= 0.985


def _image_scores(images, data):
  """Density of the noisy picture about the clean ones of the training split."""
  clean = np.stack([e['image'].ravel() for e in data.source('train')]) / 16
  label = np.array([e['label'] for e in data.source('train')])
  noisy = images.reshape(len(images), 1, 64) / 255
  # Noise beyond black and white is cut off, so compare with what it becomes.
  log = -((noisy - clean) ** 2).sum(axis=-1) / (2 * data.image_noise**2)
  return np.stack(
    [logsumexp(log[:, label == d], axis=1) for d in range(10)], axis=1
  )


def _key_scores(audio, snr):
  """Two tones of unknown phases and level in noise, up to a constant."""
  size = len(audio)
  angle = np.outer(LOW + HIGH, np.arange(size)) * (2 * np.pi / 16_000)
  match = abs(np.exp(1j * angle) @ audio) / audio.std()
  level = 10 ** (np.linspace(*snr, 30) / 20)[:, None]
  argument = level * match
  log = np.log(ive(0, argument)) + argument - level**2 * size / 4
  keys = [divmod(KEYS.index(str(digit)), 3) for digit in range(10)]
  return np.array(
    [logsumexp(log[:, row] + log[:, 4 + column]) for row, column in keys]
  )


def _word_scores(text, typos):
  """Log-probability of the text given each word: every way to lose letters."""
  same, other = 1 - typos + 0.75 * typos / 26, 0.75 * typos / 26
  result = []
  for word in WORDS:
    ways = np.zeros(len(text) + 1)
    ways[0] = 1.0
    for letter in word:
      kept = [same if letter == x else other for x in text]
      ways[1:] = ways[1:] * typos / 4 + ways[:-1] * kept
      ways[0] *= typos / 4
    result.append(ways[-1])
  return np.log(np.maximum(result, 1e-30))


@pytest.mark.parametrize(
  ('build', 'message'),
  [
    (lambda: Digits(typos=1.5), 'typos 1.5 is not a probability'),
    (lambda: Digits(image_noise=-1.0), r'image_noise -1\.0 is negative'),
    (lambda: Digits(snr=(3.0, 1.0)), 'snr 3 1 does not rise'),
    (
      lambda: Digits(audio_length=1600),
      r'duration 0\.2 s is 3200 samples, more than audio_length 1600',
    ),
    (lambda: Digits(text_length=6), 'text_length 6 is less than 7'),
    (
      lambda: Digits().source('tset'),
      "no split of digits 'tset', perhaps 'test': there are train, validation",
    ),
    (
      lambda: Digits().source('test', 'languages'),
      "no view of digits 'languages': there are default",
    ),
  ],
)
def test_what_cannot_be_is_named(build, message):
  with pytest.raises(InputError, match=message):
    build()


def test_evaluation_batches_are_the_split_in_order():
  batches = list(eval_batches(Digits(), 'validation', batch_size=100))
  assert [b['weight'].sum() for b in batches] == [100, 44]
  labels = np.concatenate([b['label'] for b in batches])[:144]
  source = Digits().source('validation')
  np.testing.assert_array_equal(labels, [e['label'] for e in source])
