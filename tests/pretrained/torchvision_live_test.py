"""Checkpoints under torchvision's names; it is not needed to be there."""

import json
import re

import jax
import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('transformers')

from safetensors.numpy import load_file  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from mmjax import pretrained  # noqa: E402
from tests.pretrained.references.resnet import CASES  # noqa: E402

pytestmark = [
  pytest.mark.slow,
  pytest.mark.filterwarnings('default'),
]


def _rename(key):
  """Torchvision's name for a tensor of transformers' ResNet."""
  key = key.removeprefix('resnet.').removeprefix('embedder.embedder.')
  key = key.replace('classifier.1', 'fc')
  inner = re.match(r'encoder\.stages\.(\d)\.layers\.(\d)\.(.*)', key)
  start = ''
  if inner:
    stage, block, key = inner.groups()
    start = f'layer{int(stage) + 1}.{block}.'
  place = re.match(r'layer\.(\d)\.', key)
  number = int(place.group(1)) + 1 if place else 1
  key = key.removeprefix(place.group() if place else '')
  if key.startswith('shortcut.'):
    key = key.replace('shortcut.convolution', 'downsample.0')
    return start + key.replace('shortcut.normalization', 'downsample.1')
  key = key.replace('convolution', f'conv{number}')
  return start + key.replace('normalization', f'bn{number}')


@pytest.mark.parametrize('which', [0, 1], ids=['basic', 'bottleneck'])
def test_resnet_under_the_names_of_torchvision(which, tmp_path):
  case = CASES['resnet_classifier'](which)
  theirs = {_rename(k): x for k, x in case.model.state_dict().items()}
  there, here = tmp_path / 'there', tmp_path / 'here'
  there.mkdir()
  save_file(theirs, there / 'model.safetensors')
  config = {'model_type': 'resnet', 'embedding_size': 6, 'num_labels': 5}
  (there / 'config.json').write_text(json.dumps(config))

  loaded = pretrained.load(there)
  got = loaded.apply(jax.tree.map(jax.numpy.asarray, case.batch))
  want = case.model(**case.inputs).logits.detach().numpy()
  np.testing.assert_allclose(got['logits'], want, atol=2e-5)

  pretrained.export(loaded, here)
  again = load_file(here / 'model.safetensors')
  assert again.keys() == theirs.keys()
  assert {'layer1.0.bn1.running_var', 'fc.bias'} <= again.keys()
  for name, x in theirs.items():
    np.testing.assert_array_equal(again[name], x.numpy())
