"""The same 200 of Tux Paint's stamps, kept in every way, prepared by TFDS."""

import contextlib
import io
from pathlib import Path

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath

from mmjax.data import eval_batches, train_batches
from mmjax.data.sources import Records
from mmjax.data.splits import split_of
from tests.data.sources import same_data

ROOT = Path('/usr/share/tuxpaint/stamps')
SMALL = {'image_size': 32, 'text_length': 64, 'audio_seconds': 1.0}


class Prepared(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  VERSION = tfds.core.Version('1.0.0')
  code_path = epath.Path(__file__)

  def __init__(self, *, stamps, classes, **kwargs):
    self._stamps, self._classes = stamps, classes
    super().__init__(**kwargs)

  def _info(self):
    features = tfds.features
    return tfds.core.DatasetInfo(
      builder=self,
      features=features.FeaturesDict(
        {
          'image': features.Image(),
          # Audio itself wants TensorFlow.
          'audio': features.Tensor(shape=(), dtype=np.object_),
          'text': features.Text(),
          'name': features.Text(),
          'label': features.ClassLabel(names=self._classes),
        }
      ),
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager):
    return {s: self._generate_examples(s) for s in same_data.SPLITS}

  def _generate_examples(self, split):
    part = [s for s in self._stamps if s.split == split]
    for i, stamp in enumerate(part):
      yield (
        i,
        {
          'image': io.BytesIO(stamp.image),
          'audio': stamp.audio or b'',
          'text': stamp.text,
          'name': stamp.name,
          'label': stamp.label,
        },
      )


def write_tfds(root, stamps):
  classes = sorted({s.label for s in stamps})
  with contextlib.redirect_stdout(io.StringIO()):
    builder = Prepared(
      stamps=stamps,
      classes=classes,
      data_dir=root,
      file_format='array_record',
    )
    builder.download_and_prepare(download_dir=root / 'downloads')
  return Path(builder.data_dir)


@pytest.fixture(scope='module')
def stamps():
  if not ROOT.is_dir():
    pytest.skip('needs the Debian package tuxpaint-stamps-default')
  found = []
  # A point in a name would be the beginning of a suffix in a shard.
  files = [
    f
    for f in sorted(ROOT.rglob('*.png'))
    if f.with_suffix('.txt').exists() and '.' not in f.stem
  ]
  for file in files[::3][:200]:
    name = str(file.relative_to(ROOT).with_suffix(''))
    speech = file.with_name(f'{file.stem}_desc_fr.ogg')
    text = file.with_suffix('.txt').read_text(encoding='utf-8-sig')
    found.append(
      same_data.Stamp(
        name=name,
        label=name.split('/')[0],
        split=split_of(name),
        image=file.read_bytes(),
        audio=speech.read_bytes() if speech.exists() else None,
        text=text.split('\n')[0].strip() or 'nothing',
      )
    )
  return sorted(found, key=lambda s: (same_data.SPLITS.index(s.split), s.name))


@pytest.mark.slow
def test_two_hundred_stamps_are_the_same_however_they_are_kept(
  stamps, tmp_path
):
  assert len(stamps) == 200
  writers = {**same_data.WRITERS, 'tfds': write_tfds}
  del writers['parquet_hub']  # names the classes of the small stamps
  want = None
  for name, write in writers.items():
    root = write(tmp_path / name, stamps)
    data = Records(root=str(root), cache=str(tmp_path / 'cache'), **SMALL)
    with train_batches(data, batch_size=32, seed=0) as batches:
      got = [next(batches) for _ in range(4)]
    with eval_batches(data, 'test', batch_size=32) as batches:
      got += list(batches)
    want = want or got
    assert sum(b['mask']['audio'].any() for b in got)
    jax.tree.map(np.testing.assert_array_equal, got, want)
