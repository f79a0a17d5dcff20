"""`mmjax caption`, `export` and `plan` do what they are for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.apps.cli import main
from mmjax.apps.opening import open_checkpoint
from mmjax.data.tokenizers import END, ByteTokenizer
from tests import flags
from tests.apps import tiny_run
from tests.data.sources import same_data
from tests.data.stamps_folder import make_folder
from tests.pretrained.tiny_clip import write_clip

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LENGTH = 6  # of what is written
CAPTIONS = """
import dataclasses
from typing import ClassVar
from mmjax.data.sources import Records
from mmjax.decoders import Greedy, TextDecoder, Write
from mmjax.encoders import ViT
from mmjax.evaluators.generation import Generation
from mmjax.fusion import Only
from mmjax.layers import LearnedPositions
from mmjax.models import Generative
from mmjax.objectives import NextToken
from mmjax.train.config import Config


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told(Records):
  prompts: ClassVar = {'en': 'en: ', 'fr': 'fr: '}


def get_config(*, data=Told(image_size=8, text_length=16)):
  small = {'width': 8, 'heads': 2}
  return Config(
    data=data,
    model=Generative(
      encoders={'image': ViT(patch_size=4, depth=0, **small)},
      fusion=Only(modality='image'),
      decoder=TextDecoder(
        depth=1, positions=LearnedPositions(length=32), **small
      ),
    ),
    objectives={'write': NextToken()},
    evaluators={
      'caption': Generation(
        decode=Write(decoding=Greedy(length=6, stop=(2,)), only='answer'),
        only='answer',
      )
    },
  )
"""


def written(checkpoint, image, prompt):
  """The likeliest byte behind what is there, again and again."""
  tokenizer = ByteTokenizer(length=32)
  ids, mask = tokenizer(prompt)
  first = count = int(mask.sum()) - 1  # The end of the prompt is none.
  while count < first + LENGTH:
    batch = {
      'image': jnp.asarray(image)[None],
      'text': jnp.asarray(ids)[None],
      'mask': {
        'image': jnp.ones(1, bool),
        'text': jnp.arange(ids.size)[None] < count,
      },
    }
    outputs = checkpoint.model.apply(checkpoint.variables, batch)
    ids[count] = np.argmax(outputs['logits']['logits'][0, count - 1])
    count += 1
    if ids[count - 1] == END:
      break
  return tokenizer.decode(ids[first:count]).strip()


def test_captions_are_what_the_model_writes(tmp_path, capsys):
  run = tiny_run.make(tmp_path / 'run', text=CAPTIONS)
  files = [tmp_path / 'a.png', tmp_path / 'b.png']
  for file, color in zip(files, ((250, 10, 10), (10, 240, 90)), strict=True):
    file.write_bytes(same_data.png((8, 8), color))
  checkpoint = open_checkpoint(run)
  images = [checkpoint.prepare({'image': str(f)})['image'] for f in files]
  want = {
    language: [written(checkpoint, x, f'{language}: ') for x in images]
    for language in ('en', 'fr')
  }
  # Whatever it is given, an untrained model would write the same of nothing.
  assert len({text for texts in want.values() for text in texts}) > 1
  words = ['caption', '--checkpoint', str(run), *map(str, files)]
  for language in ('en', 'fr'):
    assert main([*words, '--language', language, '--json']) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one['path'] for one in found] == [str(f) for f in files]
    assert [one['text'] for one in found] == want[language]
  # The first language is what is written unless another one is asked for.
  assert main(words[:-1]) == 0
  assert capsys.readouterr().out == f'{want["en"][0]}\n'
  assert main([*words, '--language', 'de']) == 2
  assert "writes no 'de': there is en, fr" in capsys.readouterr().err
  assert main(['transcribe', *words[1:]]) == 2
  assert 'writes no text about sounds' in capsys.readouterr().err


def test_what_a_run_made_of_a_checkpoint_is_exported(tmp_path, capsys):
  clip = write_clip(tmp_path / 'clip')
  stamps = make_folder(tmp_path / 'stamps')
  run, folder = tmp_path / 'run', tmp_path / 'exported'
  options = [f'--data.root={stamps}', f'--data.cache={tmp_path / "cache"}']
  config = ['--config', f'{ROOT / "configs/clip_finetune.py"}:{clip}']
  options += ['--steps=3', '--batch-size=8', '--workdir', str(run)]
  assert main(['train', *config, *options]) == 0
  capsys.readouterr()
  words = ['export', '--checkpoint', str(run), '--folder', str(folder)]
  assert main(words) == 0
  assert capsys.readouterr().out.strip() == str(folder)
  # Square and plain: the same however it becomes as small as CLIP sees it.
  picture = same_data.png((224, 224), (200, 90, 10))
  old, trained, new = (
    {
      'image': checkpoint.embed('image', [picture])[0],
      'text': checkpoint.embed('text', ['thing 7.'])[0],
    }
    for checkpoint in map(open_checkpoint, (clip, run, folder))
  )
  for name in ('image', 'text'):
    np.testing.assert_allclose(new[name], trained[name], atol=1e-5)
    assert not np.allclose(new[name], old[name], atol=1e-4), name
  # What is there is not written over.
  assert main(words) == 2
  assert 'is there already, and not empty' in capsys.readouterr().err
  other = tiny_run.make(tmp_path / 'other')
  assert main(['export', '--checkpoint', str(other), '--folder', 'x']) == 2
  assert 'did not start from a checkpoint' in capsys.readouterr().err


def test_a_plan_says_what_a_step_takes(tmp_path):
  words = ['plan', 'cpu:2', '--config', 'tests/train/tiny.py']
  shallow = '--model.encoders.image.depth 0 --model.encoders.text.depth 0'
  done = subprocess.run(
    [
      *(sys.executable, '-m', 'mmjax.apps.cli', *words, *shallow.split()),
      *('--workdir', str(tmp_path / 'w')),
    ],
    cwd=ROOT,
    env={**os.environ, 'XLA_FLAGS': flags.FAST},
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  told = json.loads(done.stdout.splitlines()[-1])
  assert (told['topology'], told['devices']) == ('cpu:2', 2)
  assert told['flops_per_chip'] > told['parameters'] > 0
  assert told == json.loads((tmp_path / 'w/plan.json').read_text())
