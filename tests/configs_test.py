"""Every shipped config builds, traces, and has the size written down here."""

from pathlib import Path

import jax
import pytest

from mmjax.data import pipeline
from mmjax.train.config import load_config, to_json
from mmjax.train.program import make_program

FOLDER = Path(__file__).parents[1] / 'configs'
STAMPS = Path('/usr/share/tuxpaint/stamps')
PARAMETERS = {
  'digits': 403_626,
  'digits_finetune': 395_146,
  'digits_pretrain': 276_490,
  'scaling': 281_911_298,
  'stamps': 22_292_879,
}
# Stamps are decoded at first, which takes a minute or two.
NAMES = [
  'digits',
  'digits_finetune',
  'digits_pretrain',
  'scaling',
  pytest.param('stamps', marks=pytest.mark.slow),
]


def test_every_config_is_in_the_table():
  assert {path.stem for path in FOLDER.glob('*.py')} == set(PARAMETERS)


@pytest.mark.parametrize('name', NAMES)
def test_config_traces_and_has_its_size(name):
  if name == 'stamps' and not STAMPS.is_dir():
    pytest.skip('needs the Debian package tuxpaint-stamps-default')
  config = load_config(FOLDER / f'{name}.py')
  program = make_program(config)
  assert program.parameters == PARAMETERS[name]
  # Every evaluator finds what it asks for in the outputs.
  batch = next(
    iter(pipeline.eval_batches(config.data, 'validation', batch_size=8))
  )
  outputs = jax.eval_shape(program.predict, program.state, batch)
  for evaluator in config.evaluators.values():
    if hasattr(evaluator, 'head'):
      classes = outputs['logits'][evaluator.head].shape[-1]
      assert classes == len(config.data.classes[evaluator.target])
    else:
      assert {evaluator.query, evaluator.key} <= set(outputs['embeddings'])


@pytest.mark.parametrize('name', PARAMETERS)
def test_config_as_json_says_what_the_modules_are(name):
  text = to_json(load_config(FOLDER / f'{name}.py'))
  model = text['model']
  if model['_type'] == 'Masked':
    model = model['model']
  assert model['_type'] in ('Fused', 'Aligned')
  vit = model['encoders']['image']
  assert vit['_type'] in ('ViT', 'ConvolutionalEncoder')
  assert 'parent' not in vit
