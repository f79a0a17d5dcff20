"""A run's parameters out of a checkpoint, or out of one part of it."""

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from mmjax import pretrained
from mmjax.encoders import ResNet, TextTransformer
from mmjax.layers import FirstToken, MeanPool
from mmjax.models import (
  Aligned,
  Alignment,
  Assistant,
  LoRA,
  MlpProjector,
)
from mmjax.paths import named_leaves
from mmjax.pretrained.shapes import variable_shapes
from mmjax.pretrained.start import FromCheckpoint, FromCheckpoints
from mmjax.types import InputError
from tests.pretrained.fixtures_test import FIXTURES
from tests.pretrained.tiny_clip import write_clip

MESH = jax.make_mesh((8,), ('fsdp',), axis_types=(jax.sharding.AxisType.Auto,))


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
  return write_clip(tmp_path_factory.mktemp('clip'))


@pytest.fixture(scope='module')
def loaded(clip):
  return named_leaves(pretrained.load(clip).params)


def _wanted(model, inputs):
  """What a run would ask for: split over all devices where that goes."""
  return _spread(variable_shapes(model, inputs))


def _spread(variables):
  def place(x):
    split = [i for i, size in enumerate(x.shape) if size % 8 == 0][-1:]
    axes = ['fsdp' if i in split else None for i in range(len(x.shape))]
    sharding = NamedSharding(MESH, PartitionSpec(*axes))
    return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)

  shapes = named_leaves({**variables.pop('params'), **variables})
  return {name: place(x) for name, x in shapes.items()}


@pytest.fixture(scope='module')
def whole(clip):
  """What a run of the model itself would ask for."""
  return _wanted(pretrained.find(clip).model, _inputs(clip))


def _read(start, wanted):
  chosen = start.choose(wanted)
  return chosen, start.read({name: wanted[name] for name in chosen})


def _inputs(clip):
  return pretrained.find(clip).architecture.inputs


def test_all_of_a_clip_goes_to_its_shardings(clip, loaded):
  model: LoRA = LoRA(model=pretrained.find(clip).model, rank=2)
  wanted = _wanted(model, _inputs(clip))
  chosen, found = _read(FromCheckpoint(name=str(clip)), wanted)
  assert {n for n in wanted if n not in chosen} == {
    n for n in wanted if n.startswith('lora/')
  }
  assert found.keys() == loaded.keys()
  for name, x in found.items():
    np.testing.assert_array_equal(x, loaded[name])
    assert x.sharding == wanted[name].sharding
  table = found['encoders_text/embed/table']
  assert {s.data.shape for s in table.addressable_shards} == {(76, 1)}


def test_one_tower_of_a_clip_beside_what_is_new(clip, loaded):
  tower = pretrained.find(clip).tower('image')
  model = Aligned(
    encoders={
      'picture': tower,
      'text': TextTransformer(width=8, depth=0, heads=2),
    },
    alignment=Alignment(pools={'picture': FirstToken(), 'text': MeanPool()}),
  )
  inputs = _inputs(clip)
  wanted = _wanted(model, {**inputs, 'picture': inputs['image']})
  start = FromCheckpoint(
    name=str(clip), parts={'encoders_picture': 'encoders_image'}
  )
  chosen, found = _read(start, wanted)
  assert set(chosen) == {
    name for name in wanted if name.startswith('encoders_picture/')
  }
  for name, x in found.items():
    old = name.replace('encoders_picture', 'encoders_image')
    assert chosen[name] == old
    np.testing.assert_array_equal(x, loaded[old])


def test_moving_averages_are_parameters_of_the_start_too():
  (folder,) = (f for f in FIXTURES if f.name == 'resnet_classifier')
  found = pretrained.find(folder)
  encoder = found.tower('image')
  assert isinstance(encoder, ResNet)
  wanted = _wanted(found.model, found.architecture.inputs)
  start = FromCheckpoint(
    name=str(folder), parts={'encoders_image': 'encoders_image'}
  )
  chosen, read = _read(start, wanted)
  averages = [n for n in chosen if n.startswith('batch_stats/encoders_image/')]
  assert averages
  assert not any('heads' in name for name in chosen)
  want = pretrained.load(folder)
  leaves = named_leaves({**want.params, **want.collections})
  for name, x in read.items():
    np.testing.assert_array_equal(x, leaves[name])


def test_what_does_not_fit_is_said_in_one_line(clip, whole):
  wanted = dict(whole)
  table = 'encoders_text/embed/table'
  wanted[table] = jax.ShapeDtypeStruct((99, 8), np.float32)
  patches = wanted.pop('encoders_image/patches/kernel')
  wanted['encoders_image/patch/kernel'] = patches
  start = FromCheckpoint(name=str(clip))
  with pytest.raises(InputError) as error:
    start.choose(wanted)
  assert str(error.value) == (
    f'start: {clip} does not fit: encoders_image/patches/kernel is not in the '
    'model (near is encoders_image/patch/kernel); encoders_text/embed/table is '
    '[76, 8] there, [99, 8] here (start.skip leaves out)'
  )
  start = FromCheckpoint(name=str(clip), skip=('embed/table', 'patches'))
  chosen = start.choose(wanted)
  assert not {table, 'encoders_image/patch/kernel'} & set(chosen)
  parts = {'encoders_image': 'encoders_image'}
  with pytest.raises(
    InputError, match='encoders_image/patch/kernel is not in the checkpoint'
  ):
    FromCheckpoint(name=str(clip), parts=parts).choose(wanted)


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    (
      {'parts': {'encoders_image': 'encoder_image'}},
      r"^start.parts: .* has no 'encoder_image' \(near is encoders_image",
    ),
    ({'skip': ('nothing',)}, "start.skip 'nothing' matches no parameter"),
    ({'name': '/no/such'}, '^/no/such is not a folder$'),
  ],
)
def test_what_is_not_there_is_named(clip, whole, fields, message):
  start = FromCheckpoint(**{'name': str(clip), **fields})
  with pytest.raises(InputError, match=message):
    start.choose(whole)


def test_a_tower_that_is_not_there_is_named(clip):
  with pytest.raises(
    InputError, match=r"no encoder in .* of 'imag', perhaps 'image': there are"
  ):
    pretrained.find(clip).tower('imag')


def test_an_assistant_starts_from_two_checkpoints(clip, loaded):
  (llama,) = (f for f in FIXTURES if f.name == 'llama_language')
  language = pretrained.find(llama)
  model = Assistant(
    encoders={'image': pretrained.find(clip).tower('image')},
    projectors={'image': MlpProjector(width=language.tower('text').width)},
    language=language.model,
    placeholders={'image': 5},
  )
  batch = {
    'image': np.zeros((1, 2, 16, 16, 3), np.float32),
    'text': np.zeros((1, 4), np.int32),
    'mask': {'image': np.ones((1, 2), bool), 'text': np.ones((1, 4), bool)},
  }
  shapes = jax.eval_shape(model.init, jax.random.key(0), batch)
  wanted = _spread(dict(shapes))
  tower = FromCheckpoint(
    name=str(clip), parts={'encoders_image': 'encoders_image'}
  )
  parts = {f'language/{part}': part for part in ('encoders_text', 'head')}
  words = FromCheckpoint(name=str(llama), parts=parts)
  start = FromCheckpoints(checkpoints=(tower, words))
  chosen, found = _read(start, wanted)
  fresh = {name for name in wanted if name not in chosen}
  assert fresh == {n for n in wanted if n.startswith('projectors_image/')}
  assert found.keys() == chosen.keys()
  want = {**loaded, **named_leaves(pretrained.load(llama).params)}
  for name, x in found.items():
    np.testing.assert_array_equal(x, want[chosen[name]])
  with pytest.raises(InputError, match='which another checkpoint has too'):
    FromCheckpoints(checkpoints=(tower, tower)).choose(wanted)
