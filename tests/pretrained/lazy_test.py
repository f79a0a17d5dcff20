"""A checkpoint is checked when it is loaded, and read when it is used."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file

from mmjax import pretrained
from mmjax.pretrained import variables
from mmjax.pretrained.folder import WEIGHTS
from mmjax.pretrained.reading import read_rows
from mmjax.types import InputError
from tests.pretrained.tiny_clip import write_clip


@pytest.fixture(scope='module')
def written(tmp_path_factory):
  return write_clip(tmp_path_factory.mktemp('clip'))


@pytest.fixture
def clip(written, tmp_path):
  return shutil.copytree(written, tmp_path / 'clip')


@pytest.fixture
def mapped(monkeypatch):
  """The names of tensors that were read."""
  names = []

  def counted(rows, tensors, shapes):
    names.extend(row.key for row in rows)
    return read_rows(rows, tensors, shapes)

  monkeypatch.setattr(variables, 'read_rows', counted)
  return names


def test_nothing_is_read_before_it_is_asked_for(clip, mapped):
  loaded = pretrained.load(clip)
  assert 'clip' in repr(loaded)
  assert not mapped
  params = loaded.params
  assert sorted(mapped) == sorted(load_file(clip / WEIGHTS))
  assert loaded.params is params
  assert dataclasses.replace(loaded, generation={}).params is params
  assert len(mapped) == len(set(mapped))


def test_other_parameters_in_their_place_are_not_waited_for(clip, mapped):
  other = dataclasses.replace(pretrained.load(clip), params={'a': 1})
  assert other.variables == {'params': {'a': 1}}
  assert not mapped


def test_a_folder_that_is_removed_was_loaded(clip, mapped):
  want = load_file(clip / WEIGHTS)['logit_scale']
  loaded = pretrained.load(clip)
  (clip / WEIGHTS).unlink()
  assert not mapped
  np.testing.assert_array_equal(loaded.params['alignment']['log_scale'], want)


@pytest.mark.parametrize('data', [b'', b'x' * 100_000])
def test_a_file_that_is_changed_before_it_is_read_is_an_error(clip, data):
  loaded = pretrained.load(clip)
  (clip / WEIGHTS).write_bytes(data)
  for _ in range(2):
    with pytest.raises(InputError, match='was written to after it was opened'):
      _ = loaded.params


def test_numbers_that_cannot_be_read_are_said_at_once(clip):
  header, data = {}, b''
  for key, x in load_file(clip / WEIGHTS).items():
    kind, part = 'F32', x.tobytes()
    if key == 'visual_projection.weight':
      kind, part = 'F8_E8M0', bytes(x.size)
    header[key] = {
      'dtype': kind,
      'shape': x.shape,
      'data_offsets': [len(data), len(data) + len(part)],
    }
    data += part
  text = json.dumps(header).encode()
  (clip / WEIGHTS).write_bytes(len(text).to_bytes(8, 'little') + text + data)
  with pytest.raises(InputError, match='visual_projection.weight is of F8_E8'):
    pretrained.load(clip)
