"""A checkpoint in several files goes straight to the devices of a mesh."""

import json
import tracemalloc

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from safetensors.numpy import load_file, save_file

from mmjax import pretrained
from mmjax.paths import named_leaves
from mmjax.pretrained import pages
from mmjax.pretrained.folder import WEIGHTS
from tests.pretrained import tiny_clip

MESH = jax.make_mesh((8,), ('fsdp',), axis_types=(jax.sharding.AxisType.Auto,))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Two files and an index, of 2.6 MB: large beside all that is no tensor."""
  folder = tiny_clip.write_clip(
    tmp_path_factory.mktemp('clip'), vocabulary=40_000, length=40_000
  )
  tensors = load_file(folder / WEIGHTS)
  (folder / WEIGHTS).unlink()
  files = {}
  for i, key in enumerate(sorted(tensors)):
    files[key] = f'model-0000{1 + i % 2}-of-00002.safetensors'
  for file in set(files.values()):
    part = {key: x for key, x in tensors.items() if files[key] == file}
    save_file(part, folder / file)
  index = {'weight_map': files}
  (folder / f'{WEIGHTS}.index.json').write_text(json.dumps(index))
  return folder


def _split(path, shape):
  """Over all devices along the largest axis that they divide."""
  axes: list[str | None] = [None] * len(shape)
  fit = [i for i, size in enumerate(shape) if size % 8 == 0]
  if fit and not path.endswith('bias'):
    axes[max(fit, key=lambda i: shape[i])] = 'fsdp'
  return NamedSharding(MESH, PartitionSpec(*axes))


@pytest.fixture(scope='module')
def loaded(folder):
  return pretrained.load(folder, sharding=_split)


def test_each_device_holds_its_part_of_each_file(folder, loaded):
  want = named_leaves(pretrained.load(folder).params)
  found = named_leaves(loaded.params)
  assert found.keys() == want.keys()
  split = 0
  for path, x in found.items():
    assert x.sharding == _split(path, x.shape)
    assert len(x.addressable_shards) == 8
    for shard in x.addressable_shards:
      np.testing.assert_array_equal(shard.data, want[path][shard.index])
    own = x.addressable_shards[3].data
    if 'fsdp' in x.sharding.spec:
      assert own.size * 8 == x.size
      split += x.size
    else:
      assert own.size == x.size
  # The others are small.
  assert split > 0.99 * sum(x.size for x in want.values())


def test_one_sharding_is_for_all(folder):
  whole = NamedSharding(MESH, PartitionSpec())
  loaded = pretrained.load(folder, sharding=whole)
  assert {x.sharding for x in jax.tree.leaves(loaded.params)} == {whole}


def test_the_model_is_never_there_twice(folder, loaded, monkeypatch):
  del loaded  # all that is imported and compiled at first
  # What the system gives out in pieces is not traced.
  monkeypatch.setattr(pages, '_pages', pages.aligned)
  size = sum(file.stat().st_size for file in folder.glob('*.safetensors'))
  tracemalloc.start()
  try:
    again = pretrained.load(folder, sharding=_split)
    jax.block_until_ready(again.params)
    kept, peak = tracemalloc.get_traced_memory()
  finally:
    tracemalloc.stop()
  # What the host holds is at most what the devices share with it (on CPUs they
  # may), and beside it the tensor that is read, which is half of the model.
  assert kept < 1.3 * size
  assert peak < 1.6 * size
  on_devices = sum(
    shard.data.nbytes
    for x in jax.tree.leaves(again.params)
    for shard in x.addressable_shards
  )
  assert on_devices < 1.1 * size
