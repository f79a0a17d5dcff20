"""Masked modelling: what is hidden, from whom, and that nothing else leaks."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from einops import rearrange

from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.encoders.image import ViT
from mmjax.encoders.text import TextTransformer
from mmjax.layers.pooling import MeanPool
from mmjax.layers.spectrogram import LogMel
from mmjax.models.aligned import Aligned, Alignment
from mmjax.models.masked import Masked
from mmjax.types import Tokens

# Without blocks there is little to compile, and what is hidden shows the same.
SMALL = {'width': 8, 'depth': 0, 'heads': 2}
NAMES = ('image', 'text', 'audio')
MEL = LogMel(n_fft=64, hop=20, mels=8)
MODEL = Aligned(
  encoders={
    'image': ViT(
      patch_size=2, class_token=True, mean=(0.3,), std=(0.5,), **SMALL
    ),
    'text': TextTransformer(**SMALL),
    'audio': AudioSpectrogramTransformer(
      spectrogram=MEL, patch_size=(2, 8), **SMALL
    ),
  },
  alignment=Alignment(pools={name: MeanPool() for name in NAMES}, width=6),
)
MASKED = Masked(
  model=MODEL, patches={'image': 0.5, 'audio': 0.5}, text={'text': 0.5}
)
ROWS = 6


@functools.cache
def _batch():
  rng = np.random.default_rng(0)
  words = np.arange(12)[None] < np.array([12, 0, 3, 12, 9, 12])[:, None]
  sound = np.arange(400)[None] < np.array([400, 400, 0, 130, 400, 1])[:, None]
  text = rng.integers(4, 260, (ROWS, 12)).astype(np.int32)
  text[:, 0] = 1  # begin of text
  return {
    'image': rng.random((ROWS, 8, 8, 1)).astype(np.float32),
    'text': text,
    'audio': rng.normal(size=(ROWS, 400)).astype(np.float32),
    'mask': {
      'image': np.array([1, 1, 1, 0, 1, 1], bool),
      'text': words,
      'audio': sound,
    },
    'weight': np.ones(ROWS, np.float32),
    'index': np.arange(10, 10 + ROWS, dtype=np.int32),
  }


@functools.cache
def _params():
  shapes = jax.eval_shape(MASKED.init, jax.random.key(0), _batch())['params']
  rng = np.random.default_rng(1)
  return jax.tree.map(
    lambda s: jnp.asarray(rng.normal(size=s.shape) * 0.3, s.dtype), shapes
  )


@functools.cache
def _run():
  """The masked model in training, and its gradient."""

  def f(params, batch, key):
    outputs = MASKED.apply(
      {'params': params}, batch, train=True, rngs={'masking': key}
    )
    # Only what counts may have a gradient.
    total = sum(
      (x['prediction'] ** 2 * x['weight'][..., None]).sum()
      for x in outputs['masked'].values()
    )
    return total, outputs

  return jax.jit(jax.value_and_grad(f, has_aux=True))


def _outputs(batch, key=0):
  (_, outputs), gradient = _run()(_params(), batch, jax.random.key(key))
  return outputs, gradient


def test_parameters_and_inference_are_those_of_the_model_inside():
  shapes = jax.eval_shape(MODEL.init, jax.random.key(0), _batch())['params']
  own = jax.tree.map(jnp.shape, _params())
  added = {f'{name}_prediction' for name in NAMES}
  added |= {'image_mask_token', 'audio_mask_token'}
  assert set(own) == {*shapes, *added}
  inside = {name: own[name] for name in shapes}
  assert inside == jax.tree.map(jnp.shape, shapes)
  variables = {'params': {name: _params()[name] for name in shapes}}

  @jax.jit
  def both(batch):
    plain = MODEL.apply(variables, batch)
    wrapped = MASKED.apply({'params': _params()}, batch)
    return plain, wrapped

  plain, wrapped = both(_batch())
  jax.tree.map(np.testing.assert_array_equal, plain, wrapped)


def test_targets_are_the_normalised_pixels_and_mel_energies():
  batch = _batch()
  masked = _outputs(batch)[0]['masked']
  image = rearrange(
    (batch['image'] - 0.3) / 0.5, 'b (h p) (w q) c -> b (h w) (p q c)', p=2, q=2
  )
  mel, _ = MEL(jnp.asarray(batch['audio']), jnp.asarray(batch['mask']['audio']))
  sound = rearrange(mel, 'b (f p) m -> b f (p m)', p=2)
  for name, want in (('image', image), ('audio', sound)):
    hidden = np.asarray(masked[name]['weight']) > 0
    got = np.asarray(masked[name]['target'])
    np.testing.assert_allclose(got[hidden], want[hidden], atol=1e-5)
    assert not got[~hidden].any()
    assert masked[name]['prediction'].shape == got.shape


def test_only_what_is_real_is_hidden_and_about_half_of_it():
  batch = _batch()
  counts = {name: [] for name in NAMES}
  for key in range(20):
    masked = _outputs(batch, key)[0]['masked']
    for name in NAMES:
      counts[name].append(masked[name]['weight'])
  share = {name: np.mean(x, axis=0) for name, x in counts.items()}
  words = batch['mask']['text'] & (batch['text'] >= 4)
  assert not share['text'][~words].any()
  assert not share['image'][3].any()
  # One sample makes a patch real: the first.
  np.testing.assert_array_equal((share['audio'][5] > 0)[1:], False)
  assert not share['audio'][2].any()
  for some in (share['text'][words], share['image'][0], share['audio'][0]):
    assert 0.38 < some.mean() < 0.62


def test_what_is_hidden_is_the_examples_own():
  batch = _batch()
  whole = _outputs(batch)[0]['masked']
  order = np.array([4, 2, 0, 5, 3, 1])
  permuted = jax.tree.map(lambda x: x[order], batch)
  again = _outputs(permuted)[0]['masked']
  for name in NAMES:
    weight = np.asarray(whole[name]['weight'])
    np.testing.assert_array_equal(again[name]['weight'], weight[order])
    np.testing.assert_allclose(
      again[name]['prediction'], whole[name]['prediction'][order], atol=2e-6
    )
    other = _outputs(batch, key=1)[0]['masked'][name]['weight']
    assert (other != weight).any()
  # Modalities do not share their draws, nor do examples.
  image, sound = (np.asarray(whole[n]['weight'])[0] for n in ('image', 'audio'))
  assert (image[: len(sound)] != sound[: len(image)]).any()
  assert (np.asarray(whole['image']['weight'])[1] != image).any()


def test_the_model_does_not_see_what_is_hidden():
  batch = _batch()
  outputs, _ = _outputs(batch)
  patches = np.asarray(outputs['masked']['image']['weight'])[0] > 0
  hidden = rearrange(patches, '(h w) -> h w', h=4).repeat(2, 0).repeat(2, 1)
  image = batch['image'].copy()
  image[0, hidden] += 0.7
  changed, _ = _outputs({**batch, 'image': image})
  np.testing.assert_array_equal(
    changed['masked']['image']['prediction'],
    outputs['masked']['image']['prediction'],
  )
  np.testing.assert_array_equal(
    changed['embeddings']['image'], outputs['embeddings']['image']
  )
  assert (
    changed['masked']['image']['target'][0]
    != outputs['masked']['image']['target'][0]
  ).any()
  image[0, ~hidden] += 0.7
  changed, _ = _outputs({**batch, 'image': image})
  moved = changed['embeddings']['image'] != outputs['embeddings']['image']
  assert moved[0].any()
  assert not moved[1:].any()


class Ids(nn.Module):
  """Shows the ids that an encoder would get."""

  @nn.compact
  def __call__(self, batch, *, train=False):
    x = batch['text'][..., None].astype(jnp.float32)
    tokens = Tokens(x, batch['mask']['text'])
    return {'tokens': {'text': tokens}}


def test_text_is_masked_as_in_bert(rng, random_params):
  text = rng.integers(4, 260, (64, 200)).astype(np.int32)
  text[:, 0] = 1
  batch = {
    'text': jnp.asarray(text),
    'mask': {'text': jnp.ones((64, 200), bool)},
    'index': jnp.arange(64),
  }
  model = Masked(model=Ids(), text={'text': 0.15})
  params = random_params(model, batch)
  outputs = jax.jit(
    lambda: model.apply(
      {'params': params}, batch, train=True, rngs={'masking': jax.random.key(1)}
    )
  )()
  seen = np.asarray(outputs['tokens']['text'].x)[..., 0]
  hidden = np.asarray(outputs['masked']['text']['weight']) > 0
  assert not hidden[:, 0].any()
  np.testing.assert_array_equal(seen[~hidden], text[~hidden])
  np.testing.assert_allclose(hidden[:, 1:].mean(), 0.15, atol=0.01)
  new, old = seen[hidden], text[hidden]
  np.testing.assert_allclose((new == 3).mean(), 0.8, atol=0.03)
  np.testing.assert_allclose((new == old).mean(), 0.1, atol=0.03)
  others = new[(new != 3) & (new != old)]
  assert others.min() >= 4
  assert others.max() < 260
  assert others.std() > 60  # anything, not one id


@pytest.mark.parametrize('value', [0, 1e4, np.nan])
def test_what_is_masked_changes_nothing(value):
  batch = _batch()
  mask = batch['mask']

  def fill(name, value):
    real = mask[name]
    if name == 'image':
      real = real[:, None, None, None]
    return np.where(real, batch[name], value).astype(batch[name].dtype)

  new = {
    'image': fill('image', value),
    'audio': fill('audio', value),
    'text': fill('text', 10**6 if np.isnan(value) else int(value)),
  }
  outputs, gradient = _outputs({**batch, **new})
  want, want_gradient = _outputs(batch)
  jax.tree.map(np.testing.assert_array_equal, gradient, want_gradient)
  jax.tree.map(np.testing.assert_array_equal, outputs['masked'], want['masked'])
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))


@pytest.mark.parametrize(
  ('fields', 'message'),
  [
    ({'patches': {'image': 1.0}}, r'patches.image 1.0 is not between 0 and 1'),
    ({'text': {'text': 0.0}}, r'text.text 0.0 is not between 0 and 1'),
    (
      {'text': {'text': 0.1}, 'patches': {'text': 0.1}},
      "'text' is both in patches and in text",
    ),
    ({'mask_id': 9}, 'mask_id 9, first_id 4 and vocabulary 260 do not rise'),
  ],
)
def test_bad_fields_are_named(fields, message):
  with pytest.raises(ValueError, match=message):
    Masked(model=MODEL, **fields)


def test_an_encoder_without_patches_is_named():
  model = Masked(model=MODEL, patches={'text': 0.5})
  with pytest.raises(ValueError, match="the encoder of 'text' has no patches"):
    jax.eval_shape(model.init, jax.random.key(0), _batch())
