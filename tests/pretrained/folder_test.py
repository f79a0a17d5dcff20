"""Folders that are damaged, old, in several files or of other precision."""

import json

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import load_file, save_file

from mmjax import pretrained
from mmjax.paths import named_leaves
from mmjax.pretrained import bert, vit
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.table import export_rows
from mmjax.types import InputError

WEIGHTS = 'model.safetensors'
CONFIG = {
  'model_type': 'bert',
  'hidden_size': 8,
  'num_attention_heads': 2,
  'intermediate_size': 12,
  'num_hidden_layers': 1,
  'vocab_size': 30,
  'max_position_embeddings': 10,
}
PICTURES = {
  **CONFIG,
  'model_type': 'vit',
  'image_size': 8,
  'patch_size': 4,
}


def _tensors(config):
  """Random tensors under the names and in the shapes of a checkpoint."""
  build = {'bert': bert.bert, 'vit': vit.vit}[config['model_type']]
  architecture = build(config, [], ImageProcessor())
  batch = dict(architecture.inputs)
  masks = {
    k: jax.ShapeDtypeStruct(x.shape if k == 'text' else (1,), jnp.bool_)
    for k, x in batch.items()
  }
  shapes = jax.eval_shape(
    architecture.model.init, jax.random.key(0), {**batch, 'mask': masks}
  )['params']
  rng = np.random.default_rng(0)
  leaves = {
    path: rng.normal(size=x.shape).astype(np.float32)
    for path, x in named_leaves(shapes).items()
  }
  return export_rows(architecture.rows, leaves)


@pytest.fixture(scope='module')
def whole():
  return _tensors(CONFIG)


def _write(folder, tensors, config=CONFIG):
  folder.mkdir(exist_ok=True)
  (folder / 'config.json').write_text(json.dumps(config))
  save_file(tensors, folder / WEIGHTS)
  return folder


@pytest.fixture
def folder(tmp_path, whole):
  return _write(tmp_path / 'checkpoint', whole)


def _same(one, other):
  jax.tree.map(np.testing.assert_array_equal, one.params, other.params)


def test_what_is_exported_is_loaded(folder, whole, tmp_path):
  pretrained.export(pretrained.load(folder), tmp_path / 'new')
  found = load_file(tmp_path / 'new' / WEIGHTS)
  assert found.keys() == whole.keys()
  for key, x in whole.items():
    np.testing.assert_array_equal(found[key], x)


def test_pictures_are_loaded_too(tmp_path):
  folder = _write(tmp_path / 'vit', _tensors(PICTURES), PICTURES)
  found = pretrained.load(folder)(image=[np.zeros((9, 7), np.uint8)])
  assert found['last_hidden_state'].shape == (1, 5, 8)
  assert np.isfinite(found['last_hidden_state']).all()


def test_a_pickle_is_refused(folder):
  (folder / WEIGHTS).rename(folder / 'pytorch_model.bin')
  with pytest.raises(
    InputError,
    match=r'checkpoint/pytorch_model.bin is a pickle, which could run any '
    r'program when it is read.*save_pretrained',
  ):
    pretrained.load(folder)


def test_a_pickle_beside_safetensors_is_not_looked_at(folder):
  (folder / 'pytorch_model.bin').write_bytes(b'no')
  pretrained.load(folder)


def test_a_folder_without_weights_is_refused(folder):
  (folder / WEIGHTS).unlink()
  with pytest.raises(InputError, match='checkpoint has no model.safetensors$'):
    pretrained.load(folder)


def test_a_folder_without_config_is_refused(folder):
  (folder / 'config.json').unlink()
  with pytest.raises(InputError, match='checkpoint has no config.json$'):
    pretrained.load(folder)


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('{"model_type": ', 'config.json is not JSON: '),
    ('[1]', 'config.json is not a JSON object$'),
    ('{"a": 1}', "config.json: model_type None is not one of .'audio-"),
    ('{"model_type": "bard"}', "config.json: model_type 'bard' is not one of "),
  ],
)
def test_a_damaged_config_is_refused(text, message, folder):
  (folder / 'config.json').write_text(text)
  with pytest.raises(InputError, match=message):
    pretrained.load(folder)


@pytest.mark.parametrize('size', [0, 5, 300, -1])
def test_damaged_weights_are_refused(size, folder):
  data = (folder / WEIGHTS).read_bytes()
  (folder / WEIGHTS).write_bytes(data[:size])
  with pytest.raises(InputError, match=r'model.safetensors cannot be read: '):
    pretrained.load(folder)


def test_one_error_lists_every_tensor(folder, whole):
  layer = 'encoder.layer.0'
  tensors = dict(whole)
  tensors[f'{layer}.output.dens.weight'] = tensors.pop(
    f'{layer}.output.dense.weight'
  )
  tensors['adapter.weight'] = np.zeros(3, np.float32)
  tensors['embeddings.word_embeddings.weight'] = np.zeros((31, 8), np.float32)
  bias = f'{layer}.intermediate.dense.bias'
  tensors[bias] = np.zeros(13, np.float32)
  _write(folder, tensors)
  with pytest.raises(InputError) as error:
    pretrained.load(folder)
  message = str(error.value)
  assert message.count('\n') == 0
  for part in (
    f'{folder}: no {layer}.output.dense.weight '
    f'(near are {layer}.output.dens.weight, ',
    f'; {layer}.output.dens.weight belongs to nothing',
    '; adapter.weight belongs to nothing',
    '; embeddings.word_embeddings.weight is (31, 8) instead of (30, 8)',
    f'; {bias} is (13,) instead of (12,)',
  ):
    assert part in message
  assert len(message.split('; ')) == 5


def test_heads_that_are_not_read_and_buffers_are_no_error(folder, whole):
  surplus = {
    'cls.predictions.bias': np.zeros(30, np.float32),
    'embeddings.position_ids': np.arange(10)[None],
  }
  want = pretrained.load(folder)
  _same(pretrained.load(_write(folder, {**whole, **surplus})), want)


def test_a_folder_may_be_exported_over_itself(folder, whole):
  buffer = {'embeddings.position_ids': np.arange(10)[None]}
  loaded = pretrained.load(_write(folder, {**whole, **buffer}))
  pretrained.export(loaded, folder)
  for key, want in {**whole, **buffer}.items():
    np.testing.assert_array_equal(load_file(folder / WEIGHTS)[key], want)
  _same(pretrained.load(folder), loaded)


def _shard(folder, whole):
  """Two files and an index in place of the one."""
  keys = sorted(whole)
  names = [
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
  ]
  for name, part in zip(names, (keys[::2], keys[1::2]), strict=True):
    save_file({key: whole[key] for key in part}, folder / name)
  index = {'weight_map': {key: names[i % 2] for i, key in enumerate(keys)}}
  (folder / f'{WEIGHTS}.index.json').write_text(json.dumps(index))
  (folder / WEIGHTS).unlink()
  return names


def test_several_files_are_as_one(folder, whole, tmp_path):
  want = pretrained.load(folder)
  _shard(folder, whole)
  loaded = pretrained.load(folder)
  _same(loaded, want)
  pretrained.export(loaded, tmp_path / 'new')
  _same(pretrained.load(tmp_path / 'new'), want)


def test_an_index_of_absent_files_is_refused(folder, whole):
  names = _shard(folder, whole)
  (folder / names[1]).unlink()
  with pytest.raises(
    InputError, match=f'index.json lists what is not there: {names[1]}$'
  ):
    pretrained.load(folder)
  (folder / f'{WEIGHTS}.index.json').write_text('{}')
  with pytest.raises(InputError, match=r'index.json lists no files$'):
    pretrained.load(folder)


def test_names_of_old_berts_are_read(folder, whole):
  want = pretrained.load(folder)
  old = {
    key.replace('LayerNorm.weight', 'LayerNorm.gamma').replace(
      'LayerNorm.bias', 'LayerNorm.beta'
    ): x
    for key, x in whole.items()
  }
  assert sum('gamma' in key for key in old) == 3
  _same(pretrained.load(_write(folder, old)), want)


@pytest.mark.parametrize('dtype', [np.float16, ml_dtypes.bfloat16, np.float64])
def test_every_precision_becomes_float32(dtype, folder, whole):
  half = {key: x.astype(dtype) for key, x in whole.items()}
  loaded = pretrained.load(_write(folder, half))
  assert {x.dtype for x in jax.tree.leaves(loaded.params)} == {np.dtype('f4')}
  exact = {key: x.astype(np.float32) for key, x in half.items()}
  _same(loaded, pretrained.load(_write(folder, exact)))


def test_a_name_that_the_cache_does_not_have_is_one_line(monkeypatch, tmp_path):
  monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
  monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path / 'cache'))
  with pytest.raises(InputError) as error:
    pretrained.load('nobody/nothing')
  message = str(error.value)
  assert message.startswith(
    'nobody/nothing is no folder, and the hub does not give it: '
  )
  assert '\n' not in message
  assert 'HF_HUB_OFFLINE' in message or 'cache' in message.lower()


@pytest.mark.parametrize('name', ['a/b/c', '/no/such/folder'])
def test_what_is_neither_folder_nor_name_is_refused(name):
  with pytest.raises(InputError, match=f'^{name} is not a folder$'):
    pretrained.load(name)


def test_a_file_is_no_folder(folder):
  with pytest.raises(InputError, match='config.json is not a folder$'):
    pretrained.load(folder / 'config.json')
