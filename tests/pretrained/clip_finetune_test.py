"""configs/clip_finetune.py: a CLIP learns the stamps and goes back."""

import json
import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from mmjax import pretrained
from mmjax.data import pipeline
from mmjax.main import main
from mmjax.models import LoRA
from mmjax.paths import named_leaves
from mmjax.pretrained.shapes import variable_shapes
from mmjax.train import read_variables
from mmjax.train.config import load_config
from mmjax.train.plain import to_json
from mmjax.types import InputError
from tests.data.stamps_folder import make_folder
from tests.pretrained.tiny_clip import WORDS, write_clip

_IMPORTS = """
from pathlib import Path
from mmjax import pretrained
from mmjax.data.datasets.stamps import Stamps
from mmjax.encoders import TextTransformer
from mmjax.fusion import Concat
from mmjax.layers import FirstToken, MeanPool
from mmjax.models import Fused, Head, LoRA
from mmjax.train import AdamW, Groups, load_config, read_variables
"""
CONFIG = Path(__file__).parents[2] / 'configs' / 'clip_finetune.py'


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
  return write_clip(tmp_path_factory.mktemp('clip'))


@pytest.fixture(scope='module')
def stamps(tmp_path_factory):
  return make_folder(tmp_path_factory.mktemp('stamps'))


@pytest.fixture(scope='module')
def options(stamps, tmp_path_factory):
  cache = tmp_path_factory.mktemp('cache')
  return [f'--data.root={stamps}', f'--data.cache={cache}', '--batch-size=8']


@pytest.fixture(scope='module')
def config(clip, options):
  return load_config(Path(f'{CONFIG}:{clip}'), options)


def test_examples_are_as_the_checkpoint_wants_them(config, clip):
  batch = next(iter(pipeline.eval_batches(config.data, 'test', batch_size=2)))
  assert batch['image'].shape == (2, 16, 16, 3)
  assert batch['text'].shape == (2, 16)  # more than 16 CLIP has no places for
  row = config.data.source('test')[0]
  text = row['stamp'].texts['en']
  assert text == 'Thing 1.'
  begin, end = len(WORDS) - 2, len(WORDS) - 1
  pieces = ['t', 'h', 'i', 'n', 'g</w>', '1</w>', '.</w>']
  ids = [begin, *(WORDS.index(one) for one in pieces), end]
  assert batch['text'][0, : len(ids)].tolist() == ids
  np.testing.assert_array_equal(
    batch['mask']['text'][0], np.arange(16) < len(ids)
  )
  loaded = pretrained.find(clip).preprocess(
    image=[row['stamp'].image], text=[text]
  )
  np.testing.assert_array_equal(loaded['image'][0], batch['image'][0])
  np.testing.assert_array_equal(loaded['text'][0], ids)
  tokens = pretrained.TokensFor(checkpoint=str(clip))
  assert tokens.decode(batch['text'][0]) == 'thing 1 .'


def test_its_json_holds_names_and_no_vocabulary(config, clip):
  data = to_json(config)['data']
  assert data['tokenizer'] == {
    '_type': 'TokensFor',
    'checkpoint': str(clip),
    'length': 32,
  }
  assert len(json.dumps(to_json(config))) < 20_000


def _random(config, clip):
  """Variables of a run that has learned something, of all parameters."""
  inputs = pretrained.find(clip).architecture.inputs
  shapes = variable_shapes(config.model, inputs)
  rng = np.random.default_rng(3)
  return jax.tree.map(
    lambda x: np.asarray(0.3 * rng.normal(size=x.shape), x.dtype), shapes
  )


def test_what_was_learned_is_exported(config, clip, tmp_path):
  model = config.model
  assert isinstance(model, LoRA)
  variables = _random(config, clip)
  pretrained.export_run(
    variables, tmp_path / 'new', model=model, start=config.start
  )
  exported = pretrained.load(tmp_path / 'new')
  want = jax.jit(model.merge)(variables['params'])
  jax.tree.map(np.testing.assert_array_equal, exported.params, want)
  kept = {file.name for file in clip.iterdir()}
  assert {file.name for file in (tmp_path / 'new').iterdir()} == kept


def test_of_a_part_only_that_part_is_replaced(config, clip, tmp_path):
  params = {
    'encoders_picture': _random(config, clip)['params'].pop('encoders_image')
  }
  start = pretrained.FromCheckpoint(
    name=str(clip), parts={'encoders_picture': 'encoders_image'}
  )
  model = config.model.model
  pretrained.export_run({'params': params}, tmp_path, model=model, start=start)
  old = named_leaves(pretrained.load(clip).params)
  for name, x in named_leaves(pretrained.load(tmp_path).params).items():
    want = old[name]
    if name.startswith('encoders_image/'):
      want = named_leaves(params)[name.replace('image', 'picture', 1)]
    np.testing.assert_array_equal(x, want)
  params['encoders_picture'].pop('class_token')
  with pytest.raises(
    InputError, match=r'encoders_picture/class_token is None in the run, \(1, 1'
  ):
    pretrained.export_run(
      {'params': params}, tmp_path, model=model, start=start
    )


NAME = 'openai/clip-vit-base-patch32'


def _blocks(clip, folder):
  """The page's Python, for the tiny CLIP and a folder of ours."""
  text = (CONFIG.parents[1] / 'docs' / 'pretrained.md').read_text()
  text = text[text.index('## Fine-tune') :]
  for old, new in (
    (f'configs/clip_finetune.py:{NAME}', f'{CONFIG}:{clip}'),
    (NAME, str(clip)),
    ('runs/', f'{folder}/'),
    ('320', '32'),
  ):
    text = text.replace(old, new)
  return re.findall(r'^```python\n(.*?)^```', text, re.S | re.M)


def test_the_page_of_the_documentation_runs(clip, tmp_path):
  parts, export, lora, changed = _blocks(clip, tmp_path)
  names: dict[str, Any] = {}
  exec(_IMPORTS, names)
  exec(parts, names)
  inputs = pretrained.find(clip).architecture.inputs
  shapes = variable_shapes(names['model'], inputs)['params']
  chosen = names['start'].choose(named_leaves(shapes))
  assert {name.split('/')[0] for name in chosen} == {'encoders_image'}
  assert not names['optimizer'].groups.trainable(shapes)['encoders_image'][
    'class_token'
  ]
  assert names['data'].resize(np.zeros((20, 30, 3), np.uint8)).shape[0] == 16

  exec(lora, names)
  shapes = variable_shapes(names['model'], inputs)['params']
  learns = named_leaves(names['optimizer'].groups.trainable(shapes))
  # Two kernels of each tower's block, and one of the text's alone.
  assert sum(learns.values()) == 2 * (2 + 2 + 1)

  names['read_variables'] = lambda workdir: _random(names['config'], clip)
  exec(export, names)
  assert (tmp_path / 'clip' / 'exported' / 'model.safetensors').exists()

  exec(changed, names)
  again = pretrained.load(tmp_path / 'more')
  batch = again.preprocess(text=['a tuxpaint'])
  assert 76 in batch['text']
  assert again.config['text_config']['vocab_size'] == 77


@pytest.mark.slow
@pytest.mark.filterwarnings('default')  # PyTorch's and transformers' own
def test_it_is_trained_and_transformers_loads_the_result(
  clip, options, tmp_path, capsys, monkeypatch
):
  torch = pytest.importorskip('torch')
  transformers = pytest.importorskip('transformers')
  monkeypatch.setattr('mmjax.main.keep_compiled', lambda: None)
  workdir = tmp_path / 'run'
  path = f'{CONFIG}:{clip}'
  run = [f'--config={path}', f'--workdir={workdir}', *options]
  assert main([*run, '--steps=3', '--checkpoint.every=3']) == 0
  said = capsys.readouterr()
  assert f'warm start from {clip}' in said.err
  assert 'fresh: lora' in said.err
  results = json.loads(said.out.splitlines()[-1])
  assert 0 <= results['eval/text_to_image/recall_at_1'] <= 1

  config = load_config(Path(path), options)
  variables = read_variables(workdir)
  old = named_leaves(pretrained.load(clip).params)
  for name, x in named_leaves(variables['params']).items():
    if name.startswith('lora/'):
      assert x.any(), name  # they have moved, b too
    else:
      np.testing.assert_array_equal(x, old[name])

  folder = tmp_path / 'exported'
  pretrained.export_run(
    variables, folder, model=config.model, start=config.start
  )
  theirs = transformers.AutoModel.from_pretrained(folder).eval()
  processor = transformers.AutoProcessor.from_pretrained(folder)
  rng = np.random.default_rng(0)
  pictures = list(rng.integers(0, 256, (3, 20, 24, 3), dtype=np.uint8))
  texts = ['thing 1.', 'a', 'a bag 22.']
  with torch.no_grad():
    want = theirs(
      **processor(
        images=pictures, text=texts, return_tensors='pt', padding=True
      )
    )
  batch = pretrained.find(folder).preprocess(image=pictures, text=texts)
  outputs: Any = jax.jit(config.model.apply)(variables, batch)
  for name in ('image', 'text'):
    np.testing.assert_allclose(
      outputs['embeddings'][name],
      getattr(want, f'{name}_embeds').numpy(),
      atol=2e-5,
    )
  # And it is not what it was.
  merged = named_leaves(config.model.merge(variables['params']))
  assert any((merged[name] != old[name]).any() for name in old)


def test_a_checkpoint_is_asked_for(clip):
  with pytest.raises(InputError, match="missing a required argument: 'checkpo"):
    load_config(CONFIG)
  with pytest.raises(InputError, match=f'{CONFIG}.*: /no/such is not a folder'):
    load_config(Path(f'{CONFIG}:/no/such'))
