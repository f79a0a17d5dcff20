"""Devices along the axes of the mesh, and whose rows are whose."""

from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
from jax.sharding import Mesh

from mmjax.train.mesh import (
  AXES,
  MeshShape,
  check_batch_size,
  make_mesh,
  share_of_process,
)
from mmjax.types import InputError


def test_data_is_what_the_other_axes_leave():
  assert MeshShape().sizes(8) == (8, 1, 1)
  assert MeshShape(fsdp=2, tensor=2).sizes(8) == (2, 2, 2)
  with pytest.raises(InputError, match='data -1 x fsdp 3 .* the 8 devices'):
    MeshShape(fsdp=3).sizes(8)
  with pytest.raises(ValueError, match='mesh.fsdp 0 is below 1'):
    MeshShape(fsdp=0)


def test_the_batch_is_divided_by_those_devices_that_split_it():
  mesh = make_mesh(MeshShape(fsdp=2, tensor=2))
  check_batch_size(4, mesh)
  with pytest.raises(InputError, match='batch_size 6 .* by the 4 devices'):
    check_batch_size(6, mesh)
  with pytest.raises(InputError, match='batch_size 4 .* in 3 micro-batches'):
    check_batch_size(4, mesh, accumulate=3)


def _mesh(processes, **shape):
  """A mesh of 8 devices that belong to several processes."""
  devices = [
    SimpleNamespace(process_index=i * processes // 8) for i in range(8)
  ]
  sizes = MeshShape(**shape).sizes(8)
  mesh = mock.Mock(spec=Mesh)
  mesh.devices = np.array(devices, object).reshape(sizes)
  mesh.shape = dict(zip(AXES, sizes, strict=True))
  return mesh


@pytest.mark.parametrize(
  ('shape', 'want'),
  [
    ({}, [(0, 2), (1, 2)]),
    ({'fsdp': 8}, [(0, 2), (1, 2)]),
    ({'tensor': 4}, [(0, 2), (1, 2)]),
    # All devices work on the same rows: both processes read all of them.
    ({'tensor': 8}, [(0, 1), (0, 1)]),
    ({'fsdp': 2, 'tensor': 4}, [(0, 2), (1, 2)]),
  ],
)
def test_each_process_reads_what_its_devices_need(shape, want):
  mesh = _mesh(2, **shape)
  assert [share_of_process(mesh, p) for p in range(2)] == want
