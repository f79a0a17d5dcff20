"""Pictures of another size than the checkpoint's, through its own vectors."""

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
