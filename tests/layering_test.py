"""A floor of the house imports only from the floors below it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BASE = {'mmjax.types', 'mmjax.masking'}
MAY_IMPORT = {
  'mmjax.types': set(),
  'mmjax.masking': {'mmjax.types'},
  'mmjax.paths': {'mmjax.types'},
  'mmjax.collectives': set(),
  'mmjax.huge_pages': set(),
  'mmjax.metrics': BASE,
  'mmjax.data': BASE,
  'mmjax.objectives': BASE | {'mmjax.paths', 'mmjax.collectives'},
  # The mel filter bank, which reports draw with too, is NumPy and needs no JAX.
  'mmjax.layers': BASE | {'mmjax.data.mel'},
  'mmjax.encoders': BASE | {'mmjax.layers'},
  'mmjax.fusion': BASE | {'mmjax.layers'},
  'mmjax.decoders': BASE | {'mmjax.layers'},
  'mmjax.models': BASE
  | {'mmjax.paths', 'mmjax.layers', 'mmjax.encoders', 'mmjax.fusion'}
  | {'mmjax.decoders'},
  'mmjax.pretrained': BASE
  | {'mmjax.paths', 'mmjax.data', 'mmjax.layers', 'mmjax.encoders'}
  | {'mmjax.fusion', 'mmjax.decoders', 'mmjax.models'},
  'mmjax.evaluators': BASE | {'mmjax.metrics', 'mmjax.data'},
  'mmjax.train': BASE
  | {'mmjax.paths', 'mmjax.collectives', 'mmjax.metrics', 'mmjax.data'},
  'mmjax.main': BASE | {'mmjax.train'},
  'mmjax.apps': {'mmjax'},
  'mmjax.__main__': {'mmjax'},
}
# Tests, benchmarks and experiments are not part of the package; TensorFlow and
# PyTorch are not needed to run it.
OUTSIDE = {'configs', 'tests', 'benchmarks', 'tensorflow', 'torch'}


def imports(tree: ast.AST) -> set[str]:
  """Full names of what a file imports, also inside of functions."""
  names = set()
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      names |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, 'imports are absolute, for a reader to find'
      names |= {f'{node.module}.{alias.name}' for alias in node.names}
  return names


def forbidden(floor: str, names: set[str]) -> set[str]:
  """Which imports a file on `floor` may not have."""
  allowed = MAY_IMPORT[floor] | {floor}
  return {
    name
    for name in names
    if name.split('.')[0] in OUTSIDE
    or (
      name.split('.')[0] == 'mmjax'
      and not any(f'{name}.'.startswith(f'{below}.') for below in allowed)
    )
  }


FILES = sorted(ROOT.glob('mmjax/*/**/*.py')) + [
  path for path in ROOT.glob('mmjax/*.py') if path.stem != '__init__'
]


@pytest.mark.parametrize('path', FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_floor_imports_only_from_below(path):
  floor = '.'.join(path.relative_to(ROOT).with_suffix('').parts[:2])
  assert floor in MAY_IMPORT, f'give {floor} its place in MAY_IMPORT'
  assert not forbidden(floor, imports(ast.parse(path.read_text())))


@pytest.mark.parametrize(
  ('floor', 'line', 'bad'),
  [
    ('mmjax.train', 'from mmjax.models import Fused', 'mmjax.models.Fused'),
    ('mmjax.train', 'def f():\n  import mmjax.fusion', 'mmjax.fusion'),
    ('mmjax.layers', 'from mmjax.data import images', 'mmjax.data.images'),
    ('mmjax.data', 'from configs.digits import x', 'configs.digits.x'),
    ('mmjax.data', 'import torch', 'torch'),
    ('mmjax.layers', 'from mmjax.data.mel import mel_filter_bank', None),
    ('mmjax.evaluators', 'from mmjax import masking', None),
    ('mmjax.data', 'import tensorflow_datasets as tfds', None),
  ],
)
def test_what_is_forbidden(floor, line, bad):
  assert forbidden(floor, imports(ast.parse(line))) == ({bad} - {None})


def test_init_files_only_reexport():
  for path in ROOT.glob('mmjax/**/__init__.py'):
    tree = ast.parse(path.read_text())
    _, *statements = tree.body  # The first is the docstring.
    names = {
      alias.asname or alias.name
      for node in statements
      if isinstance(node, ast.ImportFrom)
      for alias in node.names
    }
    listed = {
      name
      for node in statements
      if isinstance(node, ast.Assign)
      for name in ast.literal_eval(node.value)
    }
    assert names == listed, path
