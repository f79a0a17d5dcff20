import shutil
import subprocess

import pytest

from mmjax.train.checksums import NAME, find_damage, write_checksums


@pytest.fixture
def folder(tmp_path):
  (tmp_path / 'state' / 'd').mkdir(parents=True)
  (tmp_path / 'meta').mkdir()
  (tmp_path / 'state' / 'd' / 'a b').write_bytes(bytes(range(256)) * 5000)
  (tmp_path / 'state' / 'manifest').write_bytes(b'm')
  (tmp_path / 'meta' / 'metadata').write_text('{}')
  write_checksums(tmp_path)
  return tmp_path


def test_a_folder_as_it_was_written_is_whole(folder):
  assert find_damage(folder) is None
  # Orbax adds this one, file systems and people leave hidden ones.
  (folder / 'commit_success.txt').write_text('done')
  (folder / '.nfs0001').write_text('x')
  assert find_damage(folder) is None


def test_sha256sum_itself_can_check_it(folder):
  if shutil.which('sha256sum') is None:
    pytest.skip('no sha256sum here')
  subprocess.run(['sha256sum', '-c', '--quiet', NAME], cwd=folder, check=True)


def _flip(path, bit=3):
  data = bytearray(path.read_bytes())
  data[len(data) // 2] ^= 1 << bit
  path.write_bytes(data)


@pytest.mark.parametrize('bit', range(8))
def test_one_flipped_bit_is_found(folder, bit):
  _flip(folder / 'state' / 'd' / 'a b', bit)
  assert find_damage(folder) == 'state/d/a b differs from its checksum'


def test_a_flipped_bit_among_the_checksums_is_found(folder):
  _flip(folder / NAME, 0)
  assert find_damage(folder) is not None


def test_what_is_missing_or_new_is_named(folder):
  (folder / 'state' / 'new').write_text('x')
  assert find_damage(folder) == 'state/new has no checksum'
  (folder / 'state' / 'new').unlink()
  # A list that ends too early would otherwise check too little.
  lines = (folder / NAME).read_text().splitlines(keepends=True)
  (folder / NAME).write_text(''.join(lines[:-1]))
  assert find_damage(folder) == 'state/manifest has no checksum'
  (folder / NAME).write_text(''.join(lines))
  (folder / 'state' / 'manifest').unlink()
  assert find_damage(folder) == 'state/manifest is missing'
  (folder / NAME).unlink()
  assert find_damage(folder) == f'{NAME} cannot be read'


def test_a_share_or_a_part_reads_no_more_than_that(folder):
  _flip(folder / 'state' / 'd' / 'a b')
  found = [find_damage(folder, share=(i, 3)) for i in range(3)]
  assert sum(one is not None for one in found) == 1
  assert find_damage(folder, under=('meta/',)) is None
  assert find_damage(folder, under=('meta/', 'state/d')) is not None
