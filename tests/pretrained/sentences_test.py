"""Folders of sentence-transformers tell what a sentence's embedding is."""

import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax import pretrained
from mmjax.layers import LastToken, MeanPool, UnitLength
from mmjax.types import InputError, Tokens

BERT = Path(__file__).with_name('fixtures') / 'bert'
KIND = 'sentence_transformers.models.'


def _folder(path, modules, modes=()):
  """A BERT, with these modules on it and this pooling."""
  shutil.copytree(BERT, path)
  (path / '1_Pooling').mkdir()
  told: dict[str, object] = {
    f'pooling_mode_{name}': name in modes for name in (*modes, 'max')
  }
  told['word_embedding_dimension'] = 24
  (path / '1_Pooling/config.json').write_text(json.dumps(told))
  listed = [
    {'idx': i, 'path': f'{i}_{name}' if i else '', 'type': KIND + name}
    for i, name in enumerate(modules)
  ]
  (path / 'modules.json').write_text(json.dumps(listed))
  return path


def _pool(folder):
  loaded = pretrained.load(folder)
  return loaded.architecture.model.heads['sentence_embeds'].pool  # pyright: ignore


def test_the_default_is_the_mean():
  assert _pool(BERT) == MeanPool()


def test_pooling_and_length_are_those_of_the_folder(tmp_path):
  modules = ('Transformer', 'Pooling', 'Normalize')
  modes = ('mean_tokens', 'cls_token')
  loaded = pretrained.load(_folder(tmp_path / 'a', modules, modes))
  text = jnp.asarray([[5, 6, 7, 0], [8, 9, 0, 0]])
  mask = text > 0
  found = loaded.apply({'text': text, 'mask': {'text': mask}})
  x = np.asarray(found['last_hidden_state'])
  mean = np.stack([x[0, :3].mean(0), x[1, :2].mean(0)])
  want = np.concatenate([x[:, 0], mean], axis=1)
  want /= np.linalg.norm(want, axis=1, keepdims=True)
  np.testing.assert_allclose(found['sentence_embeds'], want, atol=1e-6)
  pretrained.export(loaded, tmp_path / 'b')
  again = pretrained.load(tmp_path / 'b')
  assert again.architecture.model == loaded.architecture.model


def test_without_a_third_module_nothing_is_normalised(tmp_path):
  folder = _folder(tmp_path / 'a', ('Transformer', 'Pooling'), ['lasttoken'])
  assert _pool(folder) == LastToken()


@pytest.mark.parametrize(
  ('modules', 'modes', 'error'),
  [
    (('Transformer', 'Pooling', 'Dense'), ['cls_token'], "'Dense' is not one"),
    (
      ('Transformer', 'Pooling'),
      ['max_tokens'],
      r"are \['max_tokens'\], known",
    ),
    (('Transformer', 'Pooling'), [], r'are \[\], known are \['),
  ],
)
def test_what_is_not_known_is_an_error(modules, modes, error, tmp_path):
  with pytest.raises(InputError, match=error):
    pretrained.load(_folder(tmp_path / 'a', modules, modes))


def test_zero_has_no_length_and_a_gradient():
  tokens = jnp.zeros((1, 2, 3)), jnp.ones((1, 2), bool)

  def total(x):
    return UnitLength()(Tokens(x, tokens[1])).sum()

  value, slope = jax.value_and_grad(total)(tokens[0])
  assert value == 0
  assert np.isfinite(slope).all()
