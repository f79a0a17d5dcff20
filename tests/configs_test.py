"""Every shipped config builds, traces, and takes what is written down."""

import functools

import jax
import pytest

from benchmarks import budgets
from mmjax.data import pipeline
from mmjax.data.datasets.feelings_signals import SIGNALS
from mmjax.evaluators.binary import Binary
from mmjax.evaluators.commonest import Commonest
from mmjax.evaluators.emotions import Emotions
from mmjax.evaluators.forecast import Forecast
from mmjax.evaluators.frames import Frames
from mmjax.evaluators.generation import Generation
from mmjax.evaluators.path import Path
from mmjax.evaluators.pointing import Pointing
from mmjax.evaluators.recommendation import Recommendation
from mmjax.evaluators.samples import Samples
from mmjax.evaluators.screening import Screening
from mmjax.train.config import load_config
from mmjax.train.plain import to_json
from mmjax.train.program import make_program
from mmjax.types import InputError

BUDGETS = budgets.read()
# They need data that is installed beside mmjax, and stamps are decoded at
# first, which takes a minute or two.
ON_DATA = (
  'assistant',
  'augmented_reality',
  'detection',
  'emoji',
  'emoji_flow',
  'emotion',
  'fashion',
  'fashion_flow',
  'motions',
  'open_detection',
  'packages',
  'passages',
  'recommendation',
  'segmentation',
  'smart_home',
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
  for name in BUDGETS['configs']
]
# Of each kind one that compiles soon; `benchmarks/budgets.py` does all.
COMPILED = (
  'diagnosis',
  'fashion',
  'parity',
  'recurrent',
  'scaling',
  'spam',
  'stamps_ctc',
)
ENCODERS = {
  'AudioSpectrogramTransformer', 'BagOfVectors', 'ConvNet',
  'ConvolutionalEncoder', 'MeanReading', 'Recurrent', 'SensorTransformer',
  'TabularEncoder', 'TextTransformer', 'UNet', 'VideoTransformer', 'ViT',
  'WaveformConvNet',
}  # fmt: skip


def load(name):
  config = budgets.load(name)
  if name in ON_DATA:
    try:
      config.data.check()
    except InputError as error:
      pytest.skip(str(error))
  return config


def test_every_config_has_a_budget():
  found = {path.stem for path in (budgets.ROOT / 'configs').glob('*.py')}
  assert found == {*BUDGETS['configs'], *budgets.WITHOUT}
  figures = {'parameters', 'flops', 'temporaries'}
  assert all(set(one) == figures for one in BUDGETS['configs'].values())


@pytest.mark.parametrize('name', NAMES)
def test_config_traces_and_has_its_size(name):
  config = load(name)
  program = make_program(config)
  found = {'parameters': program.parameters, 'flops': program.flops}
  changed = budgets.differences(name, found)
  assert not changed, '\n'.join(changed)
  # Every evaluator finds what it asks for in the outputs.
  batch = next(
    iter(pipeline.eval_batches(config.data, 'validation', batch_size=8))
  )
  outputs = jax.eval_shape(program.predict, program.state, batch)
  for evaluator in (*config.evaluators.values(), *config.sweeps.values()):
    if isinstance(evaluator, (Binary, Screening)):
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
    elif isinstance(evaluator, Commonest):
      assert {evaluator.only, evaluator.by} <= set(batch)
      assert evaluator.by in config.data.classes
    elif isinstance(evaluator, Frames):
      for key in (evaluator.intent, *evaluator.slots):
        classes = outputs['logits'][key].shape[-1]
        assert classes == len(config.data.classes[key])
        assert batch[key].shape == (8,)
    elif isinstance(evaluator, Emotions):
      classes = outputs['logits'][evaluator.head].shape[-1]
      assert classes == len(config.data.classes['label'])
      assert batch['shown'].shape == (8, len(SIGNALS))
      assert {*SIGNALS} == set(batch['mask'])
      assert config.data.source('validation', evaluator.views[-1])
    elif isinstance(evaluator, (Forecast, Path)):
      change = outputs['logits'][evaluator.head]
      assert change.shape == batch['change'].shape
    elif isinstance(evaluator, Pointing):
      heads = outputs['logits']
      count = heads[evaluator.boxes].shape[1]
      classes = len(config.data.classes[evaluator.things])
      assert heads[evaluator.which].shape == (8, count + 1)
      assert heads[evaluator.things].shape == (8, count, classes)
      assert heads[evaluator.places].shape == (8, count, 2)
      assert {*evaluator.modalities, 'text'} == set(batch['mask'])
    elif isinstance(evaluator, Recommendation):
      users = outputs['embeddings']['user']
      assert users.shape == outputs['embeddings']['item'].shape
      assert users.shape[:2] == batch['item'].shape
      for kept in evaluator.given.values():
        assert set(kept) < set(batch['mask']) - {'item'}
      # A table of numbers is as large as it has to be.
      words = config.model.encoders['number'].embed.words
      assert len(config.data.items().names) <= words
    elif hasattr(evaluator, 'head'):
      classes = outputs['logits'][evaluator.head].shape[-1]
      assert classes == len(config.data.classes[evaluator.target])
    else:
      assert {evaluator.query, evaluator.key} <= set(outputs['embeddings'])
      assert {evaluator.match, evaluator.pool} - {None} <= set(batch)


@pytest.mark.slow
@pytest.mark.parametrize('name', COMPILED)
def test_a_step_takes_no_more_memory(name):
  if BUDGETS['compiler'] != budgets.compiler():
    pytest.skip(f'memory is that of {BUDGETS["compiler"]}')
  changed = budgets.differences(name, budgets.measure(load(name)))
  assert not changed, '\n'.join(changed)


def test_what_has_changed_is_told(tmp_path, monkeypatch):
  monkeypatch.setattr(budgets, 'FILE', tmp_path / 'budgets.json')
  was = {'parameters': 1000, 'flops': 10**9, 'temporaries': 10**6}
  budgets.write({'digits': was, 'parity': was})
  assert budgets.read()['configs'] == {'digits': was, 'parity': was}
  assert not budgets.differences('digits', {**was, 'flops': 10**9 - 10**7})
  more = {'parameters': 1001, 'flops': 11 * 10**8, 'temporaries': 10**6}
  assert budgets.differences('digits', more) == [
    'digits: parameters was 1,000, is 1,001 (+0.10 %)',
    'digits: flops was 1,000,000,000, is 1,100,000,000 (+10.00 %)',
    'If so meant: python benchmarks/budgets.py digits --write',
  ]
  (line, _) = budgets.differences('emoji', {'parameters': 7})
  assert line == 'emoji: parameters was not written down, is 7'
  # Bytes of another compiler are no budget.
  monkeypatch.setattr(budgets, 'compiler', lambda: 'another')
  budgets.write({'digits': more})
  found = budgets.read()
  assert found['compiler'] == 'another'
  assert found['configs']['digits'] == more
  assert 'temporaries' not in found['configs']['parity']
  assert found['configs']['parity']['flops'] == 10**9


def test_an_option_does_not_part_what_is_shared():
  """An embedding of both encoder and decoder has one set of parameters."""
  file = budgets.ROOT / 'configs' / 'packages.py'
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


@pytest.mark.parametrize('name', BUDGETS['configs'])
def test_config_as_json_says_what_the_modules_are(name):
  text = to_json(load_config(budgets.ROOT / 'configs' / f'{name}.py'))
  model = text['model']
  if model['_type'] == 'Masked':
    model = model['model']
  assert model['_type'] in (
    'Fused',
    'Aligned',
    'Copying',
    'Generative',
    'TextToImage',
    'Recommender',
    'Assistant',
    'PhraseDetector',
  )
  encoders = model.get('encoders') or {k: model[k] for k in ('image', 'text')}
  for encoder in encoders.values():
    assert encoder['_type'] in ENCODERS
    assert 'parent' not in encoder
