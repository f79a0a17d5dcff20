"""Activations are told to stay split by example where parameters are split."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from jax.experimental.compilation_cache import compilation_cache
from jax.sharding import PartitionSpec

from mmjax.train import topologies
from mmjax.train.activations import compiler_options, split_by_example
from mmjax.train.mesh import BATCH_AXES, MeshShape, make_mesh, replicated

ROWS = 16


class Two(nn.Module):
  @nn.compact
  def __call__(self, x):
    shared = nn.Dense(3, name='shared')(jnp.ones((5, 3)))
    return nn.Dense(3, name='own')(x) + shared.sum()


def _constraints(mesh):
  def run(x):
    with split_by_example(mesh, ROWS):
      return Two().init_with_output(jax.random.key(0), x)[0]

  jaxpr = jax.make_jaxpr(run)(jnp.ones((ROWS, 7, 3)))
  return [
    eqn for eqn in jaxpr.eqns if eqn.primitive.name == 'sharding_constraint'
  ]


@pytest.mark.parametrize('shape', [{'fsdp': 8}, {'tensor': 2}])
def test_what_has_a_row_for_each_example_is_split_by_it(shape):
  found = _constraints(make_mesh(MeshShape(**shape)))
  # The inner layer and the module; what has no such row is left alone.
  assert [eqn.outvars[0].aval.shape for eqn in found] == [(ROWS, 7, 3)] * 2
  free = PartitionSpec.UNCONSTRAINED
  for eqn in found:
    assert eqn.params['sharding'].spec == PartitionSpec(BATCH_AXES, free, free)


@pytest.mark.parametrize('mesh', [None, make_mesh()])
def test_where_parameters_are_whole_nothing_is_said(mesh):
  assert not _constraints(mesh)


def test_rows_that_the_devices_cannot_share_are_left_alone():
  mesh = make_mesh(MeshShape(fsdp=8))

  def run(x):
    with split_by_example(mesh, 6):
      return nn.relu(nn.Dense(2).init_with_output(jax.random.key(0), x)[0])

  assert 'sharding_constraint' not in str(jax.make_jaxpr(run)(jnp.ones((6, 2))))


GATHERS = 'xla_tpu_enable_async_collective_fusion_fuse_all_gather'


@pytest.fixture
def nothing_remembered():
  """No cache of programs, in which those for absent TPUs cannot be read."""
  name = 'jax_compilation_cache_dir'
  old = jax.config.values[name]
  jax.config.update(name, None)
  compilation_cache.reset_cache()
  yield
  jax.config.update(name, old)
  compilation_cache.reset_cache()


@pytest.mark.usefixtures('nothing_remembered')
@pytest.mark.parametrize('shape', [{}, {'fsdp': 4}, {'tensor': 2}])
def test_the_compiler_for_tpus_knows_what_it_is_told(shape):
  pytest.importorskip('libtpu')
  devices = topologies.find('v5e:2x2').devices()
  mesh = make_mesh(MeshShape(**shape), devices)
  options = compiler_options(mesh)
  assert options
  # Only where nothing but embeddings is gathered.
  assert (GATHERS in options) == (not shape)
  x = jax.ShapeDtypeStruct((8, 128), jnp.float32, sharding=replicated(mesh))
  # An option that it does not know is an error.
  jax.jit(lambda x: x + 1, compiler_options=options).lower(x).compile()


def test_other_chips_keep_their_share_of_fast_memory():
  pytest.importorskip('libtpu')
  devices = topologies.find('v6e:2x2').devices()
  assert compiler_options(make_mesh(devices=devices)) == {GATHERS: 'false'}


def test_other_devices_are_told_nothing():
  assert compiler_options(make_mesh(MeshShape(fsdp=8))) is None
