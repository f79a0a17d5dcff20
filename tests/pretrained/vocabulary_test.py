"""More token ids and fewer: what stays, what is new, what goes back."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mmjax import pretrained
from mmjax.paths import named_leaves
from mmjax.types import InputError
from tests.pretrained.tiny_clip import write_clip

FIXTURES = Path(__file__).with_name('fixtures')
TABLE = 'encoders_text/embed/table'


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
  return pretrained.load(write_clip(tmp_path_factory.mktemp('clip')))


@pytest.fixture(scope='module')
def llama():
  return pretrained.load(FIXTURES / 'llama_language')


def _same_but(one, other, *names):
  old, new = named_leaves(one.params), named_leaves(other.params)
  assert old.keys() == new.keys()
  for name in old:
    if name not in names:
      np.testing.assert_array_equal(new[name], old[name])


def test_new_ids_get_the_mean_and_old_texts_stay_what_they_are(clip, tmp_path):
  more = pretrained.resize_vocabulary(clip, 80)
  _same_but(clip, more, TABLE)
  old, new = (np.asarray(named_leaves(x.params)[TABLE]) for x in (clip, more))
  np.testing.assert_array_equal(new[:76], old)
  np.testing.assert_allclose(new[76:], np.tile(old.mean(0), (4, 1)), atol=1e-6)
  assert more.config['text_config']['vocab_size'] == 80
  # Its end of a text was the largest id, and is still the same.
  assert more.config['text_config']['eos_token_id'] == 75
  batch = more.preprocess(text=['a thing', 'b'])
  want = clip.apply(batch)['text_embeds']
  np.testing.assert_array_equal(more.apply(batch)['text_embeds'], want)
  ids = batch['text'].copy()
  ids[0, 1] = 79  # now there is a vector for it
  other = more.apply({**batch, 'text': ids})['text_embeds']
  assert np.abs(other[0] - want[0]).max() > 1e-3
  np.testing.assert_array_equal(other[1], want[1])

  pretrained.export(more, tmp_path)
  again = pretrained.load(tmp_path)
  jax.tree.map(np.testing.assert_array_equal, again.params, more.params)
  assert again.config['text_config'] == more.config['text_config']
  assert clip.config['text_config']['vocab_size'] == 76


def test_an_output_layer_of_its_own_follows(llama, tmp_path):
  names = ('encoders_text/embed/table', 'head/kernel')
  assert {*names} <= {*named_leaves(llama.params)}
  size = llama.config['vocab_size']
  more = pretrained.resize_vocabulary(llama, size + 3, new='normal')
  _same_but(llama, more, *names)
  for name, axis in zip(names, (0, 1), strict=True):
    old, new = (
      np.moveaxis(np.asarray(named_leaves(x.params)[name]), axis, 0)
      for x in (llama, more)
    )
    np.testing.assert_array_equal(new[:size], old)
    far = np.abs(new[size:] - old.mean(0)) / old.std(0)
    assert 0.1 < far.mean() < 2
    assert far.max() < 5
  fewer = pretrained.resize_vocabulary(more, size)
  _same_but(llama, fewer)
  pretrained.export(more, tmp_path)
  jax.tree.map(
    np.testing.assert_array_equal,
    pretrained.load(tmp_path).params,
    more.params,
  )


def test_what_repeats_the_embedding_is_not_exported_as_it_was(tmp_path):
  """Some files hold the shared output layer once more."""
  folder = tmp_path / 'old'
  pretrained.export(pretrained.load(FIXTURES / 'gpt2_language'), folder)
  tensors = load_file(folder / 'model.safetensors')
  (table,) = (key for key in tensors if key.endswith('wte.weight'))
  tensors['lm_head.weight'] = tensors[table].copy()
  save_file(tensors, folder / 'model.safetensors')
  loaded = pretrained.load(folder)
  size = loaded.config['vocab_size']
  more = pretrained.resize_vocabulary(loaded, size + 1)
  learned = dataclasses.replace(
    loaded, params=jax.tree.map(lambda x: x + 1, loaded.params)
  )
  for one, rows in ((more, size + 1), (learned, size)):
    pretrained.export(one, tmp_path / 'new')
    found = load_file(tmp_path / 'new' / 'model.safetensors')
    assert 'lm_head.weight' not in found
    assert len(found[table]) == rows


def test_heads_that_are_not_read_go_with_their_ids(tmp_path):
  folder = tmp_path / 'old'
  pretrained.export(pretrained.load(FIXTURES / 'bert'), folder)
  tensors = load_file(folder / 'model.safetensors')
  size = pretrained.find(folder).config['vocab_size']
  tensors['cls.predictions.bias'] = np.zeros(size, np.float32)
  tensors['cls.predictions.transform.dense.bias'] = np.zeros(3, np.float32)
  save_file(tensors, folder / 'model.safetensors')
  loaded = pretrained.load(folder)
  for one, kept in (
    (loaded, {'bias', 'transform.dense.bias'}),
    (pretrained.resize_vocabulary(loaded, size + 5), {'transform.dense.bias'}),
  ):
    pretrained.export(one, tmp_path / 'new')
    found = load_file(tmp_path / 'new' / 'model.safetensors')
    assert {k for k in found if k.startswith('cls.')} == {
      f'cls.predictions.{name}' for name in kept
    }


def test_other_towers_stay_changed(clip):
  larger = pretrained.load(clip.source, image_size=24)
  more = pretrained.resize_vocabulary(larger, 90)
  assert more.model.encoders['image'] == larger.model.encoders['image']
  assert more.preprocess == larger.preprocess


def test_what_cannot_be_is_said(clip, llama):
  with pytest.raises(InputError, match='size 75 would cut off the end of a '):
    pretrained.resize_vocabulary(clip, 75)
  with pytest.raises(InputError, match='size 0 of the vocabulary is below 1'):
    pretrained.resize_vocabulary(clip, 0)
  with pytest.raises(InputError, match='has no encoder of text'):
    pretrained.resize_vocabulary(
      pretrained.load(FIXTURES / 'vit_classifier'), 9
    )
  config = {**llama.config, 'eos_token_id': [2, 11]}
  special = dataclasses.replace(llama, config=config)
  with pytest.raises(InputError, match='size 10 would cut off eos_token_id 11'):
    pretrained.resize_vocabulary(special, 10)
