"""A run without labels, and one with them that starts from its encoders."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

from mmjax.data import pipeline
from mmjax.paths import named_leaves
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import load_config
from mmjax.train.loop import train
from mmjax.train.program import make_program

CONFIGS = Path(__file__).parents[2] / 'configs'
MODALITIES = ('image', 'text', 'audio')
TINY = ['--batch-size=32', '--checkpoint.every=2']


def _config(name, where, *options):
  small = [f'--model.{where}encoders.{m}.depth=0' for m in MODALITIES]
  return load_config(CONFIGS / f'{name}.py', [*small, *TINY, *options])


def test_fine_tuning_finds_all_encoders_of_pre_training():
  one = load_config(CONFIGS / 'digits_pretrain.py')
  two = load_config(CONFIGS / 'digits_finetune.py')
  batch = next(iter(pipeline.eval_batches(one.data, 'test', batch_size=1)))
  there, here = (
    named_leaves(
      jax.eval_shape(config.model.init, jax.random.key(0), batch)['params']
    )
    for config in (one, two)
  )
  encoders = {name: x.shape for name, x in here.items() if 'encoders_' in name}
  assert {name.split('/')[0] for name in encoders} == {
    f'encoders_{name}' for name in MODALITIES
  }
  assert encoders == {
    name: x.shape for name, x in there.items() if 'encoders_' in name
  }


@pytest.mark.slow
def test_both_runs_one_after_the_other(tmp_path, capsys):
  one, two = tmp_path / 'one', tmp_path / 'two'
  source = CONFIGS / 'digits_pretrain.py'
  config = _config('digits_pretrain', 'model.', '--steps=4')
  # To score it, another program would have to be compiled.
  train(dataclasses.replace(config, evaluators={}), one, source=source)
  with Checkpoints(one / 'checkpoints') as checkpoints:
    first = checkpoints.restore(4, make_program(config).state)

  # The rate of the first step is zero.
  warm = ['--steps=1', '--seed=1', f'--warm-start.workdir={one}']
  config = _config('digits_finetune', '', *warm)
  results = train(config, two, source=CONFIGS / 'digits_finetune.py')
  assert 0 <= results['eval/fused/accuracy'] <= 1
  said = ' '.join(capsys.readouterr().err.split())
  assert 'encoders_audio, encoders_image, encoders_text' in said
  assert 'fresh: fusion, heads_label' in said
  assert 'image_mask_token' in said  # there, but not used
  with Checkpoints(two / 'checkpoints') as checkpoints:
    state = checkpoints.restore(1, make_program(config).state)
  for name in MODALITIES:
    jax.tree.map(
      np.testing.assert_array_equal,
      state.params[f'encoders_{name}'],
      first.params[f'encoders_{name}'],
    )
