"""What a safetensors file's views hold, and what it is refused for."""

import gc
import re
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from mmjax.pretrained.mapped import MappedFile
from mmjax.types import InputError

DTYPES = (
  'f8', 'f4', 'f2', 'i8', 'i4', 'i2', 'i1', 'u8', 'u1', 'c8', '?',
  ml_dtypes.bfloat16,
)  # fmt: skip


def test_every_dtype_and_shape_is_read(tmp_path, rng):
  shapes = ((3, 5), (7,), (), (0, 4))
  tensors = {
    f'{np.dtype(dtype).name}{shape}': np.asarray(
      rng.integers(0, 2, shape), dtype
    )
    for dtype in DTYPES
    for shape in shapes
  }
  file = tmp_path / 'x.safetensors'
  save_file(tensors, file, metadata={'format': 'pt'})
  found = MappedFile(file)
  assert found.keys() == tensors.keys()
  for key, want in tensors.items():
    assert found.shape(key) == want.shape
    assert found[key].dtype == want.dtype
    np.testing.assert_array_equal(found[key], want)
  with pytest.raises(ValueError, match='read-only'):
    found['float32(3, 5)'][0, 0] = 1


def test_numbers_that_numpy_has_not_are_refused(tmp_path):
  file = tmp_path / 'x.safetensors'
  header = b'{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}'
  file.write_bytes(len(header).to_bytes(8, 'little') + header + b'\0')
  with pytest.raises(InputError, match=r'x.safetensors: a is of F4$'):
    MappedFile(file)['a']


def test_a_file_stays_open_and_what_is_written_to_it_is_noticed(tmp_path):
  file = tmp_path / 'x.safetensors'
  save_file({'a': np.arange(3.0)}, file)
  found = MappedFile(file)
  (tmp_path / 'y').write_bytes(b'another')
  (tmp_path / 'y').replace(file)
  np.testing.assert_array_equal(found['a'], np.arange(3.0))
  file.unlink()
  np.testing.assert_array_equal(found['a'], np.arange(3.0))
  found.check_unchanged()
  save_file({'a': np.arange(3.0)}, file)
  found = MappedFile(file)
  file.write_bytes(b'shorter')
  with pytest.raises(
    InputError, match='x.safetensors was written to after it was opened: load'
  ):
    found['a']


@pytest.mark.skipif(
  not Path('/proc/self/smaps').exists(), reason='only Linux tells'
)
def test_a_mapping_ends_with_its_array(tmp_path):
  file = tmp_path / 'x.safetensors'
  save_file({'a': np.zeros(1 << 20, np.uint8), 'b': np.zeros(9)}, file)

  def mappings():
    return len(re.findall(re.escape(str(file)), _maps()))

  found = MappedFile(file)
  assert mappings() == 0
  x = found['a']
  assert mappings() == 1
  del x
  gc.collect()
  assert mappings() == 0


def _maps():
  return Path('/proc/self/maps').read_text()
