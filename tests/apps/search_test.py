"""Search: what is found, what an index holds after changes and interruptions.

All on one small model that was never trained: what is compared is what the
index finds with what plain NumPy finds in the same vectors.
"""

import json
import os
import socket

import numpy as np
import pytest

from mmjax.apps import embedding
from mmjax.apps.cli import main
from mmjax.apps.indexing import build
from mmjax.apps.search import Index
from mmjax.types import InputError
from tests.apps import tiny_run
from tests.data.sources import same_data

pytest.importorskip('lancedb')
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
  return tiny_run.opened(tmp_path_factory.mktemp('run') / 'tiny')


@pytest.fixture
def folder(tmp_path):
  return same_data.write_folder(tmp_path / 'data', same_data.stamps(16))


def rows(index):
  """Each row's vector, by modality and path."""
  found = index.store._rows(['modality', 'path', 'vector']).to_pylist()
  return {(r['modality'], r['path']): np.array(r['vector']) for r in found}


def test_the_nearest_are_those_of_numpy(checkpoint, folder, tmp_path):
  report = build(tmp_path / 'i', str(folder), checkpoint=checkpoint)
  index = Index(tmp_path / 'i', checkpoint=checkpoint)
  there = rows(index)
  assert report.rows == report.added == len(there)
  assert {modality for modality, _ in there} == {'image', 'audio', 'text'}
  (vector,) = checkpoint.embed('text', ['a bird'])
  for modality in (None, 'audio'):
    hits = index.query(text='a bird', k=5, modality=modality)
    scores = {
      path: x @ vector
      for (m, path), x in there.items()
      if modality in (None, m)
    }
    best = sorted(scores.values(), reverse=True)[:5]
    np.testing.assert_allclose([h.score for h in hits], best, atol=1e-5)
    for hit in hits:
      assert abs(scores[hit.path] - hit.score) < 1e-5
  # A file finds itself, by its path and by its bytes.
  for modality in ('image', 'audio'):
    path = next(p for m, p in there if m == modality)
    with open(path, 'rb') as f:
      data = f.read()
    for cell in (path, data):
      (hit,) = index.query(**{modality: cell}, k=1, modality=modality)
      assert hit.score == pytest.approx(1, abs=1e-4)


def test_only_what_is_new_or_has_changed_is_embedded(
  checkpoint, folder, tmp_path, monkeypatch
):
  build(tmp_path / 'i', str(folder), checkpoint=checkpoint)
  pictures = sorted(folder.glob('*/*.png')) or sorted(folder.rglob('*.png'))
  embedded = []
  own = type(checkpoint).embed_rows

  def count(self, modality, prepared):
    embedded.append((modality, len(prepared)))
    return own(self, modality, prepared)

  monkeypatch.setattr(type(checkpoint), 'embed_rows', count)
  report = build(tmp_path / 'i', str(folder), checkpoint=checkpoint)
  assert (report.added, report.changed, report.removed) == (0, 0, 0)
  assert embedded == []
  pictures[0].write_bytes(same_data.png((9, 9), (1, 200, 3)))
  pictures[1].write_bytes(b'broken')
  pictures[2].unlink()
  new = pictures[0].with_name('new.png')
  new.write_bytes(same_data.png((9, 9), (200, 1, 3)))
  report = build(tmp_path / 'i', str(folder), checkpoint=checkpoint)
  assert (report.added, report.changed, report.removed) == (1, 1, 2)
  assert [str(error) for error in report.errors] == [
    f'{pictures[1]}: cannot read this picture: not in a format of Pillow or SVG'
  ]
  assert sum(number for _, number in embedded) == 2
  fresh = tmp_path / 'fresh'
  build(fresh, str(folder), checkpoint=checkpoint)
  old, new = (
    rows(Index(i, checkpoint=checkpoint)) for i in (tmp_path / 'i', fresh)
  )
  assert old.keys() == new.keys()
  for key, vector in new.items():
    np.testing.assert_allclose(old[key], vector, atol=1e-6)


def test_an_index_that_was_interrupted_goes_on(
  checkpoint, folder, tmp_path, monkeypatch
):
  monkeypatch.setattr(embedding, '_COMMIT', 4)
  own, calls = type(checkpoint).embed_rows, []

  def stop(self, modality, prepared):
    calls.append(modality)
    if len(calls) == 4:
      raise KeyboardInterrupt
    return own(self, modality, prepared)

  monkeypatch.setattr(type(checkpoint), 'embed_rows', stop)
  with pytest.raises(KeyboardInterrupt):
    build(tmp_path / 'i', str(folder), checkpoint=checkpoint)
  there = len(Index(tmp_path / 'i', checkpoint=checkpoint).store)
  assert there == 12
  report = build(tmp_path / 'i', str(folder), checkpoint=checkpoint)
  assert report.added == report.rows - there > 0


def test_an_index_belongs_to_a_checkpoint_and_a_source(
  checkpoint, folder, tmp_path
):
  build(tmp_path / 'i', str(folder), checkpoint=checkpoint)
  other = tiny_run.make(tmp_path / 'other', seed=1)
  with pytest.raises(InputError, match='an index of another checkpoint'):
    build(tmp_path / 'i', str(folder), checkpoint=other)
  with pytest.raises(InputError, match='another state of .* index again'):
    Index(tmp_path / 'i', checkpoint=other).query(text='so')
  elsewhere = same_data.write_folder(tmp_path / 'b', same_data.stamps(8))
  with pytest.raises(InputError, match='an index of another source'):
    build(tmp_path / 'i', str(elsewhere), checkpoint=checkpoint)
  report = build(
    tmp_path / 'i', str(elsewhere), checkpoint=checkpoint, rebuild=True
  )
  assert report.added == report.rows


def test_columns_of_a_table_can_be_filtered(checkpoint, tmp_path):
  found = same_data.stamps(12)
  file = same_data.write_jsonl(tmp_path / 'data', found)
  lines = [json.loads(line) for line in file.read_text().splitlines() if line]
  for year, line in enumerate(lines, 2000):
    line['year'], line['license'] = year, "o'k"
  file.write_text('\n'.join(map(json.dumps, lines)))
  build(tmp_path / 'i', str(file), checkpoint=checkpoint)
  index = Index(tmp_path / 'i', checkpoint=checkpoint)
  hits = index.query(text='so', k=99, where="year < 2003 AND license = 'o''k'")
  assert {hit.fields['year'] for hit in hits} == {2000, 2001, 2002}
  for where in ('nosuch = 1', 'year = ; DROP', '1'):
    with pytest.raises(InputError, match=r'--where .*columns: .*year'):
      index.query(text='so', where=where)
  with pytest.raises(InputError, match='0 is not from 1 to 10000'):
    index.query(text='so', k=0)


def test_a_large_index_is_searched_in_groups_and_tells_its_recall(
  checkpoint, folder, tmp_path
):
  build(tmp_path / 'i', str(folder), checkpoint=checkpoint, approximate=10)
  index = Index(tmp_path / 'i', checkpoint=checkpoint)
  assert index.store.is_approximate
  recall = index.recall(k=3)
  assert (recall.approximate, recall.queries) == (True, recall.rows)
  # All groups are looked at here.
  assert recall.recall == 1.0
  one = {r['id'] for r in index.store.search(np.ones(8), k=5, probes=1)}
  all_ = {r['id'] for r in index.store.search(np.ones(8), k=5, exact=True)}
  assert one != all_ or len(one) == 5
  report = build(
    tmp_path / 'i', str(folder), checkpoint=checkpoint, approximate=1000
  )
  assert not report.recall.approximate


def test_the_command_prints_json_and_needs_no_network(
  checkpoint, folder, tmp_path, capsys, monkeypatch
):
  def refuse(*args, **kwargs):
    raise AssertionError(f'the network was asked: {args}')

  monkeypatch.setattr(socket.socket, 'connect', refuse)
  monkeypatch.setattr(socket, 'getaddrinfo', refuse)
  source = ['--source', str(folder), '--index', str(tmp_path / 'i')]
  own = ['--checkpoint', checkpoint.name, '--batch-size', '4']
  assert main(['search', 'index', *own, *source, '--json']) == 0
  made = json.loads(capsys.readouterr().out)
  assert made['rows'] == made['added']
  query = ['search', 'query', '--index', str(tmp_path / 'i'), '--k', '3']
  assert main([*query, '--text', 'a bird', '--json']) == 0
  hits = json.loads(capsys.readouterr().out)
  assert len(hits) == 3
  assert all(hit.keys() == {'path', 'modality', 'score'} for hit in hits)
  assert all(os.path.exists(h['path']) or ':' in h['path'] for h in hits)
  assert main([*query, '--text', 'a bird']) == 0
  assert f'{hits[0]["score"]:.3f}' in capsys.readouterr().out
  assert main(['search', 'query', '--index', 'gone', '--text', 'a']) == 2
  assert 'there is no index in gone' in capsys.readouterr().err
