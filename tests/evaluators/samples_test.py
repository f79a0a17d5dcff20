"""Drawn pictures: who judges them, and how far they are from real ones."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

from mmjax.evaluators import PictureClassifier, Samples
from mmjax.evaluators.frechet import frechet_distance
from mmjax.evaluators.novelty import novelty
from mmjax.evaluators.picture_classifier import Judged
from mmjax.types import InputError, Tokens

CLASSES = {'label': ('dark', 'bright')}
WORDS = np.array([[1, 68, 2], [1, 69, 2]], np.int32)  # '@' and 'A'


def test_frechet_distance_is_the_closed_formula(rng):
  a = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5)) + 1
  b = rng.normal(size=(300, 5)) @ rng.normal(size=(5, 5))
  means = a.mean(axis=0) - b.mean(axis=0)
  cov_a, cov_b = (np.cov(x, rowvar=False) for x in (a, b))
  root = linalg.sqrtm(cov_a @ cov_b).real
  want = means @ means + np.trace(cov_a + cov_b - 2 * root)
  assert frechet_distance(a, b) == pytest.approx(want, rel=1e-6)
  assert frechet_distance(b, a) == pytest.approx(want, rel=1e-6)
  assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
  # In one dimension: differences of means and of standard deviations.
  one = frechet_distance(a[:, :1], b[:, :1])
  spread = a[:, 0].std(ddof=1) - b[:, 0].std(ddof=1)
  assert one == pytest.approx(means[0] ** 2 + spread**2)


def test_frechet_distance_of_fewer_rows_than_features(rng):
  a, b = rng.normal(size=(2, 4, 10))
  assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
  assert frechet_distance(a, b) > 1


def test_copies_are_not_new(rng):
  train, real, new = rng.integers(0, 256, (3, 250, 4, 4, 1)).astype(np.uint8)
  assert novelty(train[:130], real, train) < 0.01
  assert novelty(new, real, train) == pytest.approx(1, abs=0.1)
  # To the nearest: by hand, with one value a picture.
  train, real, new = (
    np.array(x, np.uint8).reshape(-1, 1, 1, 1)
    for x in ([10, 200], [20, 205, 230], [16, 194])
  )
  assert novelty(new, real, train) == pytest.approx(6 / 10, rel=1e-3)


@dataclasses.dataclass(frozen=True)
class Brightness:
  """Calls pictures brighter than those that it was trained on bright."""

  fitted: list = dataclasses.field(default_factory=list)

  def fit(self, pictures, labels):
    self.fitted.append(len(pictures))
    assert labels.tolist() == (pictures.mean((1, 2, 3)) > 127).tolist()
    middle = pictures.mean()

    def judge(pictures):
      assert pictures.dtype == np.uint8
      bright = pictures.mean((1, 2, 3)) - middle
      spread = pictures.std((1, 2, 3))
      return Judged(
        np.stack([-bright, bright], axis=1), np.stack([bright, spread], axis=1)
      )

    return judge


def _split(rng, n, size=8):
  """Batches of pictures with words; some rows fill up, some say nothing."""
  label = rng.integers(0, 2, n)
  shade = np.where(label, 220, 30)[:, None, None, None]
  image = np.clip(rng.normal(shade, 10, (n, 2, 2, 1)), 0, 255)
  for start in range(0, n, size):
    rows = np.minimum(np.arange(start, start + size), n - 1)
    there = np.arange(start, start + size) < n
    silent = rows % 5 == 0
    yield {
      'image': image[rows].astype(np.uint8),
      'text': WORDS[label[rows]],
      'label': label[rows].astype(np.int32),
      'index': np.where(there, rows, -1).astype(np.int32),
      'weight': there.astype(np.float32),
      'mask': {
        'image': there,
        'text': np.broadcast_to((there & ~silent)[:, None], (size, 3)),
      },
    }


@pytest.fixture
def batches():
  sizes = {'test': 60, 'train': 43}
  return lambda view='default', split='test': _split(
    np.random.default_rng(len(split)), sizes[split]
  )


class Painter:
  """Draws what the words say, `wrong` of the time something else."""

  def __init__(self, wrong=0.0):
    self.wrong = wrong
    self.asked = []

  def __call__(self, batch, run):
    assert run == 'decode'
    n = len(batch['index'])
    self.asked.append(batch)
    rng = np.random.default_rng(int(batch['draw'][0]) * 1000 + len(self.asked))
    bright = (batch['text'][:, 1] == 69) ^ (rng.random(n) < self.wrong)
    shade = np.where(bright, 220, 30)[:, None, None, None]
    noise = rng.normal(0, 10, (n, 2, 2, 1))
    return {'image': np.clip((shade + noise) / 255, 0, 1)}


def _run(painter, batches, **fields):
  evaluator = Samples(decode='decode', classifier=Brightness(), **fields)
  found = evaluator(painter, batches, CLASSES)
  return found.numbers, found.figures, evaluator


def test_a_painter_who_understands_is_as_good_as_real_pictures(batches):
  numbers, *_ = _run(Painter(), batches)
  assert numbers['generated/accuracy'] == 1.0
  assert numbers['generated/real_accuracy'] == 1.0
  assert 0.5 <= numbers['generated/chance'] < 0.75
  near, floor, noise = (
    numbers[f'generated/{name}']
    for name in ('frechet', 'frechet_real', 'frechet_noise')
  )
  assert near < noise / 5
  assert floor < noise / 5


def test_a_painter_who_guesses_is_at_chance(batches):
  numbers, *_ = _run(Painter(wrong=0.5), batches, draws=10)
  assert numbers['generated/accuracy'] == pytest.approx(0.5, abs=0.08)
  wrong, *_ = _run(Painter(wrong=1.0), batches)
  assert wrong['generated/accuracy'] == 0.0


def test_who_is_drawn_for_and_how_often(batches):
  painter = Painter()
  _run(painter, batches, draws=2, first_draw=5)
  # Sixty examples are eight batches of eight, each drawn for twice.
  assert len(painter.asked) == 16
  assert {int(batch['draw'][0]) for batch in painter.asked} == {5, 6}
  few = Painter()
  _, figures, _ = _run(few, batches, examples=9)
  # Of no more batches than it takes: of eight rows six have words.
  assert len(few.asked) == 2
  assert figures['generated/confusion'].keywords['counts'].sum() == 9


def test_words_of_another_split(batches):
  painter = Painter()
  numbers, *_ = _run(painter, batches, split='train', name='train')
  assert len(painter.asked) == 6  # of 43 examples
  assert set(numbers) == {
    f'train/{name}'
    for name in (
      'accuracy', 'real_accuracy', 'chance', 'frechet', 'frechet_real',
      'frechet_noise', 'novelty',
    )
  }  # fmt: skip


def test_the_classifier_is_trained_once_on_the_training_split(batches):
  evaluator = Samples(decode='decode', classifier=Brightness())
  for _ in range(2):
    evaluator(Painter(), batches, CLASSES)
  assert evaluator.classifier.fitted == [43]


def test_figures_are_drawn(batches, tmp_path):
  _, figures, _ = _run(Painter(wrong=0.3), batches)
  for name, draw in figures.items():
    path = tmp_path / f'{name.split("/")[1]}.png'
    draw(path)
    assert path.read_bytes()[:4] == b'\x89PNG'
  assert set(figures) == {'generated/pictures', 'generated/confusion'}


def test_what_is_not_there_is_named(batches):
  with pytest.raises(InputError, match="no drawn 'image'"):
    _run(lambda batch, run: {}, batches)
  with pytest.raises(InputError, match='draws 0 is below 1'):
    Samples(decode='decode', classifier=Brightness(), draws=0)


class Linear(nn.Module):
  """A classifier of pictures without much to compile."""

  @nn.compact
  def __call__(self, batch, *, train=False):
    x = batch['image'].reshape(len(batch['image']), -1) / 255 - 0.5
    x = nn.Dropout(0.1, deterministic=not train)(x)
    logits = nn.Dense(2)(x)
    token = Tokens(x[:, None], jnp.ones((len(x), 1), bool))
    return {'fused': token, 'logits': {'label': logits}}


def test_a_classifier_learns_and_the_same_seed_learns_the_same(rng):
  labels = rng.integers(0, 2, 300)
  pictures = rng.integers(0, 256, (300, 2, 2, 1)).astype(np.uint8)
  pictures[:, 0, 0, 0] = np.where(labels, 200, 60)
  learner = PictureClassifier(
    model=Linear(), steps=60, batch_size=32, peak_lr=0.05
  )
  judge, again = (learner.fit(pictures, labels) for _ in range(2))
  judged = judge(pictures)
  assert judged.right(labels).mean() == 1.0
  np.testing.assert_array_equal(judged.logits, again(pictures).logits)
  # One after the other or many at once; features are the last layer's input.
  np.testing.assert_allclose(judge(pictures[:3]).logits, judged.logits[:3])
  np.testing.assert_allclose(
    judged.features, pictures.reshape(300, -1) / 255 - 0.5, atol=1e-6
  )
