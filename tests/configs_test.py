"""Every shipped config builds, traces, and has the size written down here."""

import functools
from pathlib import Path

import jax
import pytest

from mmjax.data import pipeline
from mmjax.evaluators.binary import Binary
from mmjax.evaluators.generation import Generation
from mmjax.evaluators.samples import Samples
from mmjax.train.config import load_config
from mmjax.train.plain import to_json
from mmjax.train.program import make_program
from mmjax.types import InputError

FOLDER = Path(__file__).parents[1] / 'configs'
PARAMETERS = {
  'diagnosis': 660_193,
  'digits': 403_626,
  'digits_finetune': 395_146,
  'digits_flow': 330_884,
  'digits_pretrain': 276_490,
  'emoji': 9_283_680,
  'emoji_flow': 2_510_544,
  'fashion': 156_042,
  'fashion_flow': 928_144,
  'motions': 73_604,
  'recurrent': 1_149_697,
  'packages': 1_189_056,
  'parity': 60_130,
  'passages': 1_361_984,
  'scaling': 281_911_298,
  'spam': 2_101_505,
  'stamps': 22_292_879,
  'stamps_captions': 1_072_576,
  'stamps_ctc': 464_132,
  'stamps_fusion': 2_413_424,
  'stamps_questions': 1_615_040,
  'stamps_search': 22_432_143,
  'stamps_speech': 873_984,
  'stamps_translation': 1_466_112,
  'talking': 455_844,
  'talking_speech': 502_272,
  'vowels': 72_777,
}
# They are given a checkpoint, and tested with a tiny one: clip_finetune_test.
WITH_ARGUMENT = ('clip_finetune',)
# They are given data of one's own: own_data_configs_test.
ON_YOUR_DATA = ('folder', 'manifest')
# What is generated at first and kept; a little of it is enough here.
FEW = ['--data.sentences', '8', '--data.evaluated', '8']
OPTIONS = {'talking': FEW, 'talking_speech': FEW}
# They need data that is installed beside mmjax, and stamps are decoded at
# first, which takes a minute or two.
ON_DATA = (
  'emoji',
  'emoji_flow',
  'fashion',
  'fashion_flow',
  'motions',
  'packages',
  'passages',
  'spam',
  'stamps',
  'stamps_captions',
  'stamps_ctc',
  'stamps_fusion',
  'stamps_questions',
  'stamps_search',
  'stamps_speech',
  'stamps_translation',
  'talking',
  'talking_speech',
  'vowels',
)
# Each is traced whole; one is enough to see that configs are.
QUICK = ('digits', 'parity')
NAMES = [
  pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
  for name in PARAMETERS
]
ENCODERS = {
  'AudioSpectrogramTransformer', 'BagOfVectors', 'ConvNet',
  'ConvolutionalEncoder', 'Recurrent', 'SensorTransformer', 'TextTransformer',
  'VideoTransformer', 'ViT', 'WaveformConvNet',
}  # fmt: skip


def test_every_config_is_in_the_table():
  names = {path.stem for path in FOLDER.glob('*.py')}
  assert names == {*PARAMETERS, *WITH_ARGUMENT, *ON_YOUR_DATA}


@pytest.mark.parametrize('name', NAMES)
def test_config_traces_and_has_its_size(name):
  config = load_config(FOLDER / f'{name}.py', OPTIONS.get(name, []))
  if name in ON_DATA:
    try:
      config.data.check()
    except InputError as error:
      pytest.skip(str(error))
  program = make_program(config)
  assert program.parameters == PARAMETERS[name]
  # Every evaluator finds what it asks for in the outputs.
  batch = next(
    iter(pipeline.eval_batches(config.data, 'validation', batch_size=8))
  )
  outputs = jax.eval_shape(program.predict, program.state, batch)
  for evaluator in (*config.evaluators.values(), *config.sweeps.values()):
    if isinstance(evaluator, Binary):
      assert outputs['logits'][evaluator.head].shape == (8, 1)
      assert len(config.data.classes[evaluator.target]) == 2
    elif isinstance(evaluator, Samples):
      draw = functools.partial(program.predict, run=evaluator.decode)
      found = jax.eval_shape(draw, program.state, batch)
      shape = batch[evaluator.modality].shape
      assert found[evaluator.modality].shape == shape
    elif isinstance(evaluator, Generation):
      decode = functools.partial(program.predict, run=evaluator.decode)
      found = jax.eval_shape(decode, program.state, batch)
      assert found['tokens'].shape == found['mask'].shape
      assert found['tokens'].shape[0] == 8
      assert {evaluator.only, evaluator.by} - {None} <= set(batch)
      assert {evaluator.target, *evaluator.given} <= set(batch['mask'])
      assert {evaluator.by} - {None} <= set(config.data.classes)
      # Each view has something to score.
      assert config.data.source('validation', evaluator.view)
    elif hasattr(evaluator, 'head'):
      classes = outputs['logits'][evaluator.head].shape[-1]
      assert classes == len(config.data.classes[evaluator.target])
    else:
      assert {evaluator.query, evaluator.key} <= set(outputs['embeddings'])
      assert {evaluator.match, evaluator.pool} - {None} <= set(batch)


def test_an_option_does_not_part_what_is_shared():
  """An embedding of both encoder and decoder has one set of parameters."""
  file = FOLDER / 'packages.py'
  for options, width in (
    (['--seed', '1'], 128),
    (['--model.decoder.width', '64'], 64),
  ):
    model = load_config(file, options).model
    assert model.encoders['document'].embed is model.decoder.embed
    assert model.decoder.width == width
  apart = load_config(file, ['--model.decoder.embed.vocabulary', '7']).model
  assert apart.encoders['document'].embed.vocabulary == 4096
  assert apart.decoder.embed.vocabulary == 7


@pytest.mark.parametrize('name', PARAMETERS)
def test_config_as_json_says_what_the_modules_are(name):
  text = to_json(load_config(FOLDER / f'{name}.py'))
  model = text['model']
  if model['_type'] == 'Masked':
    model = model['model']
  assert model['_type'] in (
    'Fused',
    'Aligned',
    'Copying',
    'Generative',
    'TextToImage',
  )
  for encoder in model['encoders'].values():
    assert encoder['_type'] in ENCODERS
    assert 'parent' not in encoder
