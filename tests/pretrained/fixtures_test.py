"""Every architecture against what transformers once said of a tiny model.

`make_fixtures.py` writes the fixtures; `parity_live_test.py` compares more of
them with transformers itself.
"""

from pathlib import Path

import jax
import numpy as np
import pytest
from flax import traverse_util

from mmjax import pretrained

FIXTURES = sorted(Path(__file__).with_name('fixtures').iterdir())


def _read(folder):
  groups = {'batch': {}, 'output': {}, 'mask': {}}
  with np.load(folder / 'expected.npz') as file:
    for name, x in file.items():
      group, _, rest = name.partition('/')
      groups[group][rest] = x
  batch = jax.tree.map(jax.numpy.asarray, groups['batch'])
  return traverse_util.unflatten_dict(batch, '/'), *list(groups.values())[1:]


@pytest.mark.parametrize('folder', FIXTURES, ids=lambda path: path.name)
def test_outputs_are_those_of_transformers(folder, tmp_path):
  batch, outputs, masks = _read(folder)
  loaded = pretrained.load(folder)
  found = loaded.apply(batch)
  for name, want in outputs.items():
    where = masks.get(name, slice(None))
    difference = np.abs(np.asarray(found[name])[where] - want[where]).max()
    assert difference <= min(1e-4, 2e-5 * np.abs(want).max()), name
  pretrained.export(loaded, tmp_path)
  again = pretrained.load(tmp_path)
  jax.tree.map(np.testing.assert_array_equal, again.params, loaded.params)
