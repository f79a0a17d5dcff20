"""What files of causal language models may look like, without transformers."""

import json

import jax
import numpy as np
import pytest

from mmjax import pretrained
from mmjax.layers import Llama3Scaling, Rotary
from mmjax.pretrained.architecture import Settings
from mmjax.pretrained.folder import write_folder
from mmjax.pretrained.llama import DEFAULTS, rotary
from mmjax.types import InputError

GPT2 = {
  'model_type': 'gpt2',
  'architectures': ['GPT2LMHeadModel'],
  'vocab_size': 11,
  'n_positions': 8,
  'n_embd': 6,
  'n_layer': 1,
  'n_head': 3,
}
TEXT = {
  'text': np.array([[3, 4, 5]]),
  'mask': {'text': np.ones((1, 3), bool)},
}


def _gpt2_tensors(rng, prefix=''):
  shapes = {
    'wte.weight': (11, 6),
    'wpe.weight': (8, 6),
    'h.0.attn.c_attn.weight': (6, 18),
    'h.0.attn.c_attn.bias': (18,),
    'h.0.attn.c_proj.weight': (6, 6),
    'h.0.attn.c_proj.bias': (6,),
    'h.0.mlp.c_fc.weight': (6, 24),
    'h.0.mlp.c_fc.bias': (24,),
    'h.0.mlp.c_proj.weight': (24, 6),
    'h.0.mlp.c_proj.bias': (6,),
    **{
      f'{name}.{kind}': (6,)
      for name in ('h.0.ln_1', 'h.0.ln_2', 'ln_f')
      for kind in ('weight', 'bias')
    },
  }
  return {
    prefix + name: rng.normal(size=shape).astype(np.float32)
    for name, shape in shapes.items()
  }


def test_files_of_gpt2_tell_the_same_with_and_without_a_prefix(rng, tmp_path):
  tensors = _gpt2_tensors(rng)
  older = {'h.0.attn.bias': np.ones((1, 1, 8, 8), np.float32)}
  write_folder(tmp_path / 'plain', GPT2, {**tensors, **older})
  named = {f'transformer.{name}': x for name, x in tensors.items()}
  named['lm_head.weight'] = tensors['wte.weight'].copy()
  write_folder(tmp_path / 'named', GPT2, named)
  base = {**GPT2, 'architectures': ['GPT2Model']}
  write_folder(tmp_path / 'base', base, tensors)
  plain, with_names, without_head = (
    pretrained.load(tmp_path / name) for name in ('plain', 'named', 'base')
  )
  jax.tree.map(np.testing.assert_array_equal, plain.params, with_names.params)
  want = without_head.apply(TEXT)['last_hidden_state'] @ tensors['wte.weight'].T
  for loaded in (plain, with_names):
    found = loaded.apply(TEXT)
    assert set(found) == {'logits'}
    np.testing.assert_allclose(found['logits'], want, rtol=1e-4, atol=1e-4)
  pretrained.export(plain, tmp_path / 'again')
  written = json.loads((tmp_path / 'again/config.json').read_text())
  assert written == {**GPT2, 'dtype': 'float32'}


def test_settings_that_change_the_formula_are_refused(rng, tmp_path):
  config = {**GPT2, 'scale_attn_by_inverse_layer_idx': True}
  write_folder(tmp_path, config, _gpt2_tensors(rng))
  with pytest.raises(InputError, match='scale_attn_by_inverse_layer_idx is Tr'):
    pretrained.load(tmp_path)


SCALING = {
  'factor': 32.0,
  'low_freq_factor': 1.0,
  'high_freq_factor': 4.0,
  'original_max_position_embeddings': 8192,
}
SCALED = Rotary(base=5e5, scaling=Llama3Scaling(factor=32.0))


@pytest.mark.parametrize(
  ('config', 'want'),
  [
    ({}, Rotary(base=10_000.0)),
    ({'rope_theta': 5e5, 'rope_scaling': None}, Rotary(base=5e5)),
    ({'rope_parameters': {'rope_theta': 5e5}}, Rotary(base=5e5)),
    (
      {'rope_theta': 5e5, 'rope_scaling': {**SCALING, 'type': 'llama3'}},
      SCALED,
    ),
    (
      {
        'rope_parameters': {
          **SCALING,
          'rope_type': 'llama3',
          'rope_theta': 5e5,
        }
      },
      SCALED,
    ),
  ],
)
def test_rotary_positions_of_newer_and_older_files(config, want):
  assert rotary(Settings(config, DEFAULTS), config) == want


@pytest.mark.parametrize(
  'told', [{'rope_type': 'yarn'}, {'partial_rotary_factor': 0.5}]
)
def test_other_rotary_positions_are_refused(told):
  config = {'rope_parameters': told}
  with pytest.raises(InputError, match="known are rope_type 'default'"):
    rotary(Settings(config, DEFAULTS), config)
