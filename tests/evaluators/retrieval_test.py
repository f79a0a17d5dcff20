import dataclasses
import math
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmjax.data.tokenizers import ByteTokenizer
from mmjax.evaluators import Retrieval, figures
from mmjax.types import InputError

ROWS, SIZE = 45, 8
LANGUAGES = 3


def _unit(rng, *shape):
  x = rng.normal(size=shape).astype(np.float32)
  return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.fixture
def data(rng):
  """A split with every difficulty: filling, absent, unknown, NaN there."""
  padded = -(-ROWS // SIZE) * SIZE
  tokenizer = ByteTokenizer(length=24)
  words = [tokenizer(f'thing {i % 9}, ελληνικά 日本') for i in range(padded)]
  data = {
    'image': rng.integers(0, 256, (padded, 6, 6, 3), dtype=np.uint8),
    'text': np.stack([ids for ids, _ in words]),
    'audio': rng.normal(size=(padded, 1600)).astype(np.float32),
    'mask': {
      'image': rng.random(padded) < 0.8,
      'text': np.stack([mask for _, mask in words]),
      'audio': np.ones((padded, 1600), bool),
    },
    'group': rng.integers(-1, 12, padded).astype(np.int32),
    'language': rng.integers(0, LANGUAGES, padded).astype(np.int32),
    'weight': (np.arange(padded) < ROWS).astype(np.float32),
    'x': {m: _unit(rng, padded, 4) for m in ('image', 'text', 'audio')},
  }
  data['mask']['text'][rng.random(padded) < 0.2] = False
  for array in (*data['x'].values(), data['audio']):
    array[ROWS:] = np.nan
  data['x']['text'][~data['mask']['text'].any(axis=1)] = np.nan
  return data


def _batches(data):
  def cut(x, i):
    if isinstance(x, dict):
      return {k: cut(v, i) for k, v in x.items()}
    return x[i : i + SIZE]

  return lambda view: (
    cut(data, i) for i in range(0, len(data['weight']), SIZE)
  )


def _predict(batch):
  return {'embeddings': batch['x']}


def _brute(data, query, key, *, pool=None, distinct=False):
  """Rank of the first right one, candidates and right ones, of each query."""
  here = {
    m: (data['weight'] > 0)
    & (data['group'] >= 0)
    & data['mask'][m].reshape(len(data['weight']), -1).any(axis=1)
    for m in (query, key)
  }
  result = []
  for i in np.flatnonzero(here[query]):
    there = []
    for j in np.flatnonzero(here[key]):
      if pool is not None and data[pool][j] != data[pool][i]:
        continue
      if distinct and data['group'][j] in [data['group'][o] for o in there]:
        continue
      there.append(j)
    x = data['x']
    there.sort(key=lambda j: -float(x[query][i] @ x[key][j]))
    right = [data['group'][j] == data['group'][i] for j in there]
    if any(right):
      result.append((1 + right.index(True), len(right), sum(right)))
  return np.array(result)


@pytest.mark.parametrize('pool', [None, 'language'])
@pytest.mark.parametrize('distinct', [False, True])
@pytest.mark.parametrize(
  ('query', 'key'), [('image', 'text'), ('text', 'image'), ('audio', 'text')]
)
def test_numbers_are_those_of_brute_force(data, query, key, pool, distinct):
  evaluator = Retrieval(
    query=query, key=key, pool=pool, distinct=distinct, chunk=5
  )
  got = evaluator(_predict, _batches(data), {}).numbers
  want = _brute(data, query, key, pool=pool, distinct=distinct)
  assert len(want) > 15
  prefix = f'{query}_to_{key}'
  for k in (1, 5, 10):
    chance = [
      1 - math.comb(n - r, k) / math.comb(n, min(k, n)) for _, n, r in want
    ]
    assert got[f'{prefix}/recall_at_{k}'] == pytest.approx(
      np.mean(want[:, 0] <= k)
    )
    assert got[f'{prefix}/chance_at_{k}'] == pytest.approx(np.mean(chance))
  assert got[f'{prefix}/median_rank'] == np.median(want[:, 0])
  assert got[f'{prefix}/mean_rank'] == pytest.approx(want[:, 0].mean())
  assert len(got) == 14


@pytest.mark.parametrize('value', [0.5, np.nan])
def test_a_constant_or_broken_embedding_scores_chance(data, value):
  data['x'] = {m: np.full_like(x, value) for m, x in data['x'].items()}
  got = Retrieval(query='image')(_predict, _batches(data), {}).numbers
  for k in (1, 5, 10):
    assert got[f'image_to_text/recall_at_{k}'] == pytest.approx(
      got[f'image_to_text/chance_at_{k}']
    )
    assert 0 < got[f'image_to_text/chance_at_{k}'] < 1


def test_the_same_embedding_for_both_finds_itself_first(data):
  data['group'] = np.arange(len(data['group']))
  data['x']['text'] = data['x']['audio']
  got = Retrieval()(_predict, _batches(data), {}).numbers
  assert got['audio_to_text/recall_at_1'] == 1.0
  assert got['audio_to_text/median_rank'] == 1.0
  assert got['audio_to_text/mean_rank'] == 1.0


def test_a_name_replaces_the_prefix(data):
  got = Retrieval(name='speech', k=(3,))(_predict, _batches(data), {}).numbers
  assert set(got) == {
    'speech/recall_at_3', 'speech/recall_at_3_low', 'speech/recall_at_3_high',
    'speech/chance_at_3', 'speech/median_rank', 'speech/mean_rank',
  }  # fmt: skip


def test_without_anything_to_find_the_numbers_are_nan(data):
  data['mask']['text'][:] = False
  found = Retrieval()(_predict, _batches(data), {})
  assert np.isnan(list(found.numbers.values())).all()
  assert found.figures == {}


def test_memory_grows_with_the_chunk_and_not_with_the_square():
  n = 6000
  x = _unit(np.random.default_rng(0), n, 4)
  batch = {
    'group': np.arange(n),
    'weight': np.ones(n),
    'mask': {'audio': np.ones(n, bool), 'text': np.ones(n, bool)},
    'x': {'audio': x, 'text': x},
  }
  tracemalloc.start()
  got = Retrieval(chunk=64)(_predict, lambda _: [batch], {}).numbers
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert got['audio_to_text/recall_at_10'] == pytest.approx(1.0, abs=0.05)
  assert peak < n * n  # a byte for each pair would be 36 MB


def _cells(monkeypatch, evaluator, data, **classes):
  """What the gallery is asked to draw."""
  asked = {}
  monkeypatch.setattr(figures, 'gallery', lambda path, **kw: asked.update(kw))
  found = evaluator(_predict, _batches(data), classes)
  (draw,) = found.figures.values()
  draw(Path('not-drawn.png'))
  return asked


def test_the_gallery_shows_the_rows_that_were_found(data, monkeypatch):
  asked = _cells(monkeypatch, Retrieval(query='image', examples=4), data)
  assert len(asked['lines']) == 4
  assert asked['heads'][0] == 'image asked'
  real = data['weight'] > 0
  text_there = real & data['mask']['text'].any(axis=1) & (data['group'] >= 0)
  decode = ByteTokenizer().decode
  for query, *found, answer in asked['lines']:
    (row,) = np.flatnonzero(
      (data['image'] == query.value).all(axis=(1, 2, 3)) & real
    )
    scores = data['x']['text'] @ data['x']['image'][row]
    order = sorted(np.flatnonzero(text_there), key=lambda j: -scores[j])[:3]
    assert [c.value for c in found] == [decode(data['text'][j]) for j in order]
    assert [c.right for c in found] == [
      data['group'][j] == data['group'][row] for j in order
    ]
    same = np.flatnonzero(text_there & (data['group'] == data['group'][row]))
    own = row if row in same else same[0]
    assert answer.value == decode(data['text'][own])
    assert (query.right, answer.right) == (None, None)


def test_the_gallery_names_the_classes_that_it_matches(data, monkeypatch):
  names = [f'class {i}' for i in range(12)]
  asked = _cells(monkeypatch, Retrieval(query='image'), data, group=names)
  for query, *found, answer in asked['lines']:
    assert query.caption == answer.caption
    for cell in found:
      assert (cell.caption == query.caption) == cell.right
      texts = [ByteTokenizer().decode(ids) for ids in data['text']]
      rows = [i for i, text in enumerate(texts) if text == cell.value]
      assert cell.caption in {names[data['group'][i]] for i in rows}


def test_sounds_are_shown_without_their_padding(data, monkeypatch):
  data['mask']['audio'][:, 700:] = False
  asked = _cells(monkeypatch, Retrieval(query='text', key='audio'), data)
  assert {cell.value.shape for cell in asked['lines'][0][1:]} == {(700,)}


@pytest.mark.parametrize(
  ('query', 'key'), [('image', 'text'), ('audio', 'text'), ('text', 'audio')]
)
def test_galleries_are_drawn_whatever_the_script(data, tmp_path, query, key):
  # Half of them find their own partner.
  data['x'][key][::2] = data['x'][query][::2]
  found = Retrieval(query=query, key=key)(_predict, _batches(data), {})
  assert _right(found) == {True, False}
  path = tmp_path / 'gallery.png'
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    found.figures[f'{query}_to_{key}/gallery'](path)
  with Image.open(path) as picture:
    pixels = np.asarray(picture.convert('RGB')).reshape(-1, 3)
  for color in (figures.GREEN, figures.RED):
    rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    assert (pixels == rgb).all(axis=1).any()


def _right(found):
  (draw,) = found.figures.values()
  return {r for example in draw.keywords['examples'] for r in example.right}


def test_wrong_fields_are_named(data):
  with pytest.raises(InputError, match="query and key are both 'text'"):
    Retrieval(query='text')
  with pytest.raises(InputError, match=r'k \(0,\) .* at least 1'):
    Retrieval(k=(0,))
  with pytest.raises(InputError, match=r"no batch key 'groups'.*mean 'group'"):
    Retrieval(match='groups')(_predict, _batches(data), {})
  with pytest.raises(InputError, match="no embedding 'video'"):
    Retrieval(query='video')(_predict, _batches(data), {})
  with pytest.raises(InputError, match="view 'default' has no batches"):
    Retrieval()(_predict, lambda _: [], {})


def test_fields_cannot_be_changed():
  with pytest.raises(dataclasses.FrozenInstanceError):
    Retrieval().chunk = 3
