"""Pictures and sounds of other sizes, through a checkpoint's own vectors."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

from mmjax import pretrained
from mmjax.layers.resample import resample_bicubic
from mmjax.types import InputError
from tests.pretrained.tiny_clip import write_clip

FIXTURES = Path(__file__).with_name('fixtures')


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
  return write_clip(tmp_path_factory.mktemp('clip'))


def test_positions_are_resampled_and_stay_those_of_the_checkpoint(
  clip, rng, tmp_path
):
  native = pretrained.load(clip)
  large = pretrained.load(clip, image_size=32)
  jax.tree.map(np.testing.assert_array_equal, large.params, native.params)
  picture = rng.integers(0, 256, (40, 33, 3), dtype=np.uint8)
  batch = large.preprocess(image=[picture])
  assert batch['image'].shape == (1, 32, 32, 3)
  got = large.apply(batch)['image_embeds']
  # The model of four by four patches with that table is the same.
  tower = {**native.params['encoders_image']}
  table = tower['positions']['table']
  assert table.shape == (2, 2, 8)
  tower['positions'] = {'table': resample_bicubic(table, (4, 4))}
  params = {**native.params, 'encoders_image': tower}
  want = dataclasses.replace(native, params=params).apply(batch)
  np.testing.assert_allclose(got, want['image_embeds'], atol=1e-6)

  pretrained.export(large, tmp_path)
  files = (folder / 'model.safetensors' for folder in (tmp_path, clip))
  jax.tree.map(np.testing.assert_array_equal, *map(load_file, files))


def test_what_is_cut_off_stays_the_same_share():
  image = pretrained.find(FIXTURES / 'dinov2_registers').preprocess.image
  assert image is not None
  assert (image.size, image.crop) == (256, (224, 224))
  image = pretrained.find(
    FIXTURES / 'dinov2_registers', image_size=36
  ).preprocess.image
  assert image is not None
  assert (image.size, image.crop) == (41, (36, 36))
  # Without positions there is nothing to resample.
  found = pretrained.find(FIXTURES / 'resnet_classifier', image_size=50)
  assert found.preprocess.image is not None
  assert found.preprocess.image.crop == (50, 50)


def test_what_does_not_fit_is_said(clip):
  with pytest.raises(
    InputError,
    match=f'image_size 20 is not divisible by patch_size 8 of {clip}',
  ):
    pretrained.find(clip, image_size=20)
  with pytest.raises(InputError, match='bert takes no pictures'):
    pretrained.find(FIXTURES / 'bert', image_size=32)


def test_sounds_of_another_length(rng, tmp_path):
  folder = FIXTURES / 'ast'
  native = pretrained.load(folder)
  short = pretrained.load(folder, seconds=0.26)
  jax.tree.map(np.testing.assert_array_equal, short.params, native.params)
  sound = rng.normal(size=20_000).astype(np.float32) / 10
  batch = short.preprocess(audio=[sound], sampling_rate=16_000)
  assert batch['audio'].shape == (1, 25 * 160 + 400)
  got = short.apply(batch)['last_hidden_state']
  # The model of that many frames with that table is the same.
  tower = {**native.params['encoders_audio']}
  table = tower['positions']['table']
  steps = (26 - 16) // 10 + 1
  assert table.shape[1] > steps
  table = resample_bicubic(table, (len(table), steps))
  tower['positions'] = {'table': table}
  encoder = native.model.encoders['audio']
  spectrogram = dataclasses.replace(encoder.spectrogram, length=26)
  encoder = encoder.copy(spectrogram=spectrogram)
  want = jax.jit(encoder.apply)(
    {'params': tower}, batch['audio'], batch['mask']['audio']
  )
  np.testing.assert_allclose(got, want.x, atol=1e-5)


def test_a_length_that_does_not_fit_is_said(clip):
  folder = FIXTURES / 'ast'
  with pytest.raises(
    InputError, match=r'seconds 0.1 are 10 frames, below the 16 of a patch'
  ):
    pretrained.find(folder, seconds=0.1)
  with pytest.raises(InputError, match=f'{clip} takes no sounds'):
    pretrained.find(clip, seconds=1.0)
  with pytest.raises(InputError, match='wav2vec2_ctc has no learned positions'):
    pretrained.find(FIXTURES / 'wav2vec2_ctc', seconds=1.0)
