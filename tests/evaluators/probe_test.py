"""Probes of frozen features, and classification by words."""

import numpy as np
import pytest
from sklearn import linear_model, neighbors, preprocessing

from mmjax.data.tokenizers import ByteTokenizer
from mmjax.evaluators import Probe, ZeroShot
from mmjax.types import InputError, Tokens

NAMES = ('cat', 'dog', 'owl')
CLASSES = {'label': NAMES}
CENTRES = np.eye(3, 6) * 2


def _split(seed, count):
  rng = np.random.default_rng(seed)
  label = rng.integers(0, 3, count)
  x = CENTRES[label] + rng.normal(size=(count, 6))
  return x.astype(np.float32), label.astype(np.int32)


SPLITS = {'train': _split(0, 70), 'test': _split(1, 50)}
TOKENIZER = ByteTokenizer(length=20)


def batches(view='default', split='test'):
  x, label = SPLITS[split]
  for i in range(0, len(label), 16):
    rows = np.arange(i, i + 16)
    real = rows < len(label)
    rows = np.minimum(rows, len(label) - 1)
    text, mask = zip(*(TOKENIZER('?') for _ in rows), strict=True)
    yield {
      'image': x[rows],
      'label': label[rows],
      'text': np.stack(text),
      'weight': real.astype(np.float32),
      'mask': {'image': real, 'text': np.stack(mask)},
    }


def predict(batch):
  """Embeds pictures as they are, and words by the animal in them."""
  words = [
    TOKENIZER.decode(ids[mask])
    for ids, mask in zip(batch['text'], batch['mask']['text'], strict=True)
  ]
  text = np.array(
    [
      sum((CENTRES[i] for i, n in enumerate(NAMES) if n in w), np.zeros(6))
      # Each template says something of its own.
      + ('photo' in w) * np.array([0, 0, 0, 3.0, 0, 0])
      - ('drawn' in w) * np.array([0, 0, 0, 3.0, 0, 0])
      for w in words
    ]
  )
  image = np.where(batch['mask']['image'][:, None], batch['image'], np.nan)
  tokens = np.stack([image, image * 3, np.full_like(image, 99)], axis=1)
  mask = np.tile([True, True, False], (len(image), 1))
  return {
    'embeddings': {'image': image, 'text': text},
    'fused': Tokens(tokens, mask & batch['mask']['image'][:, None]),
  }


def test_probes_are_those_of_sklearn():
  (x, label), (asked, want) = SPLITS['train'], SPLITS['test']
  got = Probe(features='image', neighbors=5)(predict, batches, CLASSES).numbers
  scale = preprocessing.StandardScaler().fit(x)
  linear = linear_model.LogisticRegression(max_iter=1000)
  linear.fit(scale.transform(x), label)
  accuracy = linear.score(scale.transform(asked), want)
  assert got['probe/linear_accuracy'] == pytest.approx(accuracy, abs=0.021)
  assert got['probe/linear_accuracy_low'] < accuracy
  assert accuracy < got['probe/linear_accuracy_high']
  nearest = neighbors.KNeighborsClassifier(
    5, metric='cosine', weights=lambda d: np.exp((1 - d) / 0.07)
  )
  nearest.fit(x, label)
  assert got['probe/knn_accuracy'] == pytest.approx(
    nearest.score(asked, want), abs=0.021
  )
  # More examples know more; a few are better than chance.
  assert got['probe/linear_1_shot_accuracy'] > 0.4
  assert (
    got['probe/linear_1_shot_accuracy']
    < got['probe/linear_5_shot_accuracy']
    <= got['probe/linear_accuracy'] + 0.05
  )


def test_tokens_that_are_masked_are_no_part_of_a_feature():
  means = Probe(features='fused', shots=())
  alone = Probe(features='image', shots=())
  # The mean of a vector and three times it is twice the vector.
  assert means(predict, batches, CLASSES) == alone(predict, batches, CLASSES)


def test_what_is_not_a_number_is_told():
  def broken(batch):
    return {'embeddings': {'image': batch['image'] * np.nan}}

  with pytest.raises(InputError, match="features 'image' are not finite"):
    Probe(features='image')(broken, batches, CLASSES)
  with pytest.raises(InputError, match='shots .0,. must be at least 1'):
    Probe(shots=(0,))


def test_zero_shot_takes_the_nearest_class():
  x, label = SPLITS['test']
  unit = CENTRES / np.linalg.norm(CENTRES, axis=1, keepdims=True)
  scores = x @ unit.T
  got = ZeroShot(k=(2,))(predict, batches, CLASSES).numbers
  assert got['zero_shot/accuracy'] == pytest.approx(
    (scores.argmax(axis=1) == label).mean()
  )
  two = np.argsort(-scores, axis=1)[:, :2]
  assert got['zero_shot/top_2_accuracy'] == pytest.approx(
    (two == label[:, None]).any(axis=1).mean()
  )
  assert got['zero_shot/chance'] == np.bincount(label).max() / len(label)
  low, high = (got[f'zero_shot/accuracy_{end}'] for end in ('low', 'high'))
  assert low < got['zero_shot/accuracy'] < high


def test_an_ensemble_of_prompts_is_the_mean_of_its_directions():
  # What the two templates say of their own goes to opposite sides.
  alone = ZeroShot()(predict, batches, CLASSES).numbers
  both = ZeroShot(prompts=('photo of a {}', 'drawn {}'))
  assert both(predict, batches, CLASSES).numbers == alone
  assert both._classes(predict, next(batches()), NAMES) == pytest.approx(
    CENTRES / 2, abs=1e-6
  )


def test_a_class_may_be_called_otherwise_in_prompts():
  names = {'cat': 'dog', 'dog': 'cat'}
  got = ZeroShot(names=names)(predict, batches, CLASSES).numbers
  assert got['zero_shot/accuracy'] < 0.5


def test_prompts_that_cannot_be_used_are_told():
  with pytest.raises(InputError, match='each needs a place {}'):
    ZeroShot(prompts=('a cat',))
  short = ZeroShot(tokenizer=ByteTokenizer(length=8))
  with pytest.raises(InputError, match='gives 8 tokens, texts of the data'):
    short(predict, batches, CLASSES)
