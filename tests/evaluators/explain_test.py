"""Which modality mattered, and where: models with known answers."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from mmjax.encoders.image import ViT
from mmjax.evaluators.left_out import leave_one_out
from mmjax.evaluators.occlusion import (
  band_edges,
  occlude_audio,
  occlude_image,
  windows,
)
from mmjax.evaluators.rollout import Attention, rollout
from mmjax.types import Tokens

# What each modality of each example says of three classes.
VOTES = {
  'image': np.array([[2.0, 0, 0], [1.0, 0, 0], [0, 0, 0]]),
  'text': np.array([[0, 1.0, 0], [0, 0, 0], [0, 0, 3.0]]),
  'audio': np.array([[0, 0, 0], [9.0, 9.0, 9.0], [9.0, 0, 0]]),
}
PRIOR = np.array([0.1, 0.2, 0.0])


def votes(batch):
  """A model that adds up what each modality says, over a prior."""
  logits = np.zeros((len(batch['row']), 3)) + PRIOR
  for name, values in VOTES.items():
    mask = batch['mask'][name].reshape(len(logits), -1).any(axis=1)
    logits += np.where(mask[:, None], values[batch['row']], 0)
  return special.log_softmax(logits, axis=1)


def test_what_is_left_out_is_as_if_it_had_never_been_there():
  mask = {
    'image': np.array([True, True, True]),
    'text': np.array([[True, False], [True, True], [True, True]]),
    'audio': np.array([[False] * 4, [True] * 4, [False] * 4]),
  }
  found = leave_one_out(votes, {'row': np.arange(3), 'mask': mask})
  np.testing.assert_array_equal(found.answer, [0, 0, 2])
  # The picture says so, the text speaks against it, no sound was there.
  said = special.log_softmax(PRIOR + np.array([2.0, 1.0, 0]))
  without = special.log_softmax(PRIOR + np.array([0, 1.0, 0]))
  np.testing.assert_allclose(found.without['image'][0], without)
  np.testing.assert_allclose(found.effect['image'][0], (said - without)[0])
  assert found.effect['text'][0] < 0 < found.effect['image'][0]
  # What is loud but says the same of all classes does not matter.
  np.testing.assert_allclose(found.effect['audio'][1], 0, atol=1e-12)
  said = special.log_softmax(PRIOR + VOTES['text'][2])[2]
  without = special.log_softmax(PRIOR)[2]
  np.testing.assert_allclose(found.effect['text'][2], said - without)
  for example, name in ((0, 'audio'), (2, 'audio')):
    assert found.effect[name][example] == 0, 'was masked'


def test_an_absent_modality_has_no_effect_whatever_the_model_does():
  def rounds(batch):  # Each row a little different, as on an accelerator.
    noise = 1e-6 * np.arange(len(batch['row']))[:, None]
    return votes(batch) + noise * np.array([[1, 2, 3]])

  here = {name: np.array([[name == 'text']]) for name in VOTES}
  found = leave_one_out(rounds, {'row': np.array([0]), 'mask': here})
  assert found.effect['image'] == found.effect['audio'] == 0
  assert found.effect['text'] != 0


def _sees(pixels):
  """A model that looks at rows 0-7, columns 24-31 of 32: how red is it?"""
  red = pixels[:, :8, 24:, 0].astype(float).mean(axis=(1, 2)) / 255
  return special.log_softmax(np.stack([2 * red, 0 * red], axis=1), axis=1)


def test_the_map_of_a_picture_shows_what_the_model_looks_at():
  image = np.full((1, 32, 32, 3), 255, np.uint8)
  image[:, :, :, :] = 0
  image[:, :8, 24:, 0] = 255
  image[:, 16:24, 4:12] = 200  # as bright, but not looked at

  def score(batch):
    assert batch['image'].dtype == np.uint8
    return _sees(batch['image'])

  batch = {'image': image, 'mask': {'image': np.array([True])}}
  found = occlude_image(score, batch, answer=0, cells=4)
  assert found[0, 3] == found.max() > 0.1
  # Neighbours overlap it; others change nothing that is looked at.
  np.testing.assert_array_equal(np.argwhere(found > 1e-9).min(axis=0), [0, 2])
  assert found[2:].max() == found[:, :2].max() == 0
  # The other class gains where the first one falls.
  assert occlude_image(score, batch, answer=1, cells=4)[0, 3] < -0.1
  batch['mask'] = {'image': np.array([False])}
  assert not occlude_image(score, batch, answer=0, cells=4).any()


def test_the_map_of_a_sound_shows_when_and_how_high():
  seconds = np.arange(8000) / 16_000
  tone = np.sin(2 * np.pi * 3000 * seconds) * (seconds > 0.25)
  sound = np.concatenate([tone, np.full(4000, np.nan)]).astype(np.float32)
  hum = np.sin(2 * np.pi * 100 * seconds).astype(np.float32)
  sound[:8000] += hum
  mask = np.arange(12_000) < 8000

  def score(batch):  # How loud is it at 3 kHz?
    x = np.where(batch['mask']['audio'], batch['audio'], 0)[:, :8000]
    power = np.abs(np.fft.rfft(x)[:, 1400:1600]).max(axis=1) / 2000
    return special.log_softmax(np.stack([power, 0 * power], axis=1), axis=1)

  batch = {'audio': sound[None], 'mask': {'audio': mask[None]}}
  found = occlude_audio(score, batch, answer=0, parts=4, bands=4)
  assert found.shape == (4, 4)
  band = np.searchsorted(band_edges(4), 3000) - 1
  assert found[band, 2:].min() > 0.05
  others = np.delete(found, band, axis=0)
  assert np.abs(others).max() < 0.02
  assert abs(found[band, 0]) < 0.02
  batch['mask'] = {'audio': np.zeros((1, 12_000), bool)}
  assert not occlude_audio(score, batch, answer=0).any()


@pytest.mark.parametrize(('size', 'count'), [(64, 8), (50, 7), (5, 1)])
def test_windows_add_up_to_one(size, count):
  found = windows(size, count)
  np.testing.assert_allclose(found.sum(axis=0), 1)
  assert found.min() >= 0
  middle = (np.arange(count) + 0.5) * size / count
  np.testing.assert_array_less(abs(found.argmax(axis=1) - middle), size / 2 + 1)


def test_rollout_is_the_product_of_layers(rng):
  mask = np.array([[True, True, True, False]])
  layers = rng.random((2, 1, 3, 4, 4)) * mask[:, None, None]
  layers /= layers.sum(axis=-1, keepdims=True)
  share = np.array([1, 1, 1, 0]) / 3
  for layer in layers[::-1, 0].mean(axis=1):
    share = share @ (layer + np.eye(4)) / 2
  got = rollout([jnp.asarray(x) for x in layers], jnp.asarray(mask))
  np.testing.assert_allclose(got[0], share, atol=1e-6)
  np.testing.assert_allclose(got.sum(), 1, atol=1e-6)


class _Tower:
  """One encoder, as a model has it."""

  def __init__(self, encoder):
    self.encoders = {'image': encoder}

  def apply(self, variables, batch, mutable):
    tokens, left = self.encoders['image'].apply(
      variables, batch['image'], batch['mask']['image'], mutable=mutable
    )
    left = {'encoders_image': left['intermediates']}
    return {'tokens': {'image': Tokens(*tokens)}}, {'intermediates': left}


@pytest.mark.parametrize(
  'scan', [pytest.param(False, marks=pytest.mark.slow), True]
)
def test_attention_that_always_looks_at_red_patches(random_params, scan):
  # Keys are the patches' red, queries a constant: what is red is looked at.
  vit = ViT(
    patch_size=4, width=8, depth=1, heads=1, class_token=True, scan=scan
  )
  image = np.zeros((2, 8, 12, 3), np.uint8)
  image[:, 4:, 4:8, 0] = 255
  mask = jnp.array([True, False])
  params = random_params(vit, jnp.asarray(image), mask, scale=0.0)
  kernel = params['patches']['kernel']
  params['patches']['kernel'] = kernel.at[::3, 0].set(1.0)
  block = params['transformer']['blocks' if scan else 'block_0']
  at = (0, 0, 0, 0) if scan else (0, 0, 0)
  block['attention_norm']['scale'] += 1
  block['attention']['query']['bias'] += 3
  kernel = block['attention']['key']['kernel']
  block['attention']['key']['kernel'] = kernel.at[at].set(3.0)
  batch = {'image': jnp.asarray(image), 'mask': {'image': mask}}
  found = Attention()(_Tower(vit), {'params': params}, batch)['image']
  assert found.shape == (2, 2, 3)
  assert np.unravel_index(found[0].argmax(), (2, 3)) == (1, 1)
  assert found[0, 1, 1] > 2 * np.delete(np.ravel(found[0]), 4).max()
  np.testing.assert_allclose(found.sum(axis=(1, 2)), [1, 0], atol=1e-5)
