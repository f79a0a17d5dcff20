"""Every architecture against transformers itself: forward, gradient, export."""

import copy
import functools
import importlib
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')

from mmjax import pretrained  # noqa: E402
from mmjax.paths import named_leaves  # noqa: E402
from mmjax.pretrained.folder import Tensors  # noqa: E402
from mmjax.pretrained.table import export_rows  # noqa: E402
from tests.pretrained import references  # noqa: E402

# PyTorch and transformers warn of each other.
pytestmark = [
  pytest.mark.slow,
  pytest.mark.filterwarnings('default'),
]


def _cases():
  for module in pkgutil.iter_modules(references.__path__):
    found = importlib.import_module(f'{references.__name__}.{module.name}')
    yield from getattr(found, 'CASES', {}).items()


CASES = dict(_cases())


@functools.cache
def _loaded(name, which, folder):
  case = CASES[name](which)
  case = case._replace(batch=jax.tree.map(jnp.asarray, case.batch))
  case.save(folder)
  return case, pretrained.load(folder)


@pytest.fixture(
  params=[(name, i) for name in CASES for i in (0, 1)],
  ids=lambda p: f'{p[0]}-{p[1]}',
  scope='module',
)
def both(request, tmp_path_factory):
  return _loaded(*request.param, tmp_path_factory.mktemp('checkpoint'))


def _theirs(case, model=None):
  found = (model or case.model)(**case.inputs)
  return {name: pick(found) for name, pick in case.outputs.items()}


def test_outputs_are_equal(both):
  case, loaded = both
  got = loaded.apply(case.batch)
  for name, want in _theirs(case).items():
    want = want.detach().numpy()
    where = case.masks.get(name, slice(None))
    difference = np.abs(np.asarray(got[name])[where] - want[where]).max()
    assert difference <= min(1e-4, 2e-5 * np.abs(want).max()), name


def _in_double(case):
  """Its model and inputs in double precision, under which no unit that is
  nearly off is on for one and off for the other."""
  inputs = {
    name: x.double() if x.is_floating_point() else x
    for name, x in case.inputs.items()
  }
  return case._replace(model=copy.deepcopy(case.model).double(), inputs=inputs)


def test_gradients_are_equal(both, tmp_path):
  case, loaded = both
  case = _in_double(case)
  rng = np.random.default_rng(0)
  weights = {}
  for name, x in _theirs(case).items():
    weight = rng.normal(size=x.shape)
    if name in case.masks:
      weight = weight * case.masks[name][..., None]
    weights[name] = weight

  def ours(params):
    variables = {'params': params, **loaded.collections}
    found = loaded.architecture.apply(variables, case.batch)
    return sum(
      (jnp.where(w == 0, 0, found[name]) * w).sum()
      for name, w in weights.items()
    )

  with jax.enable_x64(True):
    wide = jax.tree.map(lambda x: x.astype(np.float64), loaded.params)
    gradients = jax.jit(jax.grad(ours))(wide)
  leaves = named_leaves(gradients)
  rows = [r for r in loaded.architecture.rows if r.paths[0] in leaves]
  got = export_rows(rows, leaves)
  case.model.zero_grad()
  sum(
    (x * torch.tensor(weights[name])).sum() for name, x in _theirs(case).items()
  ).backward()
  # Saved like parameters, gradients get the names that checkpoints have.
  slopes = copy.deepcopy(case.model)
  for to, parameter in zip(
    slopes.parameters(), case.model.parameters(), strict=True
  ):
    given = parameter.grad
    to.data = torch.zeros_like(to) if given is None else given
  slopes.save_pretrained(tmp_path)
  want = dict(Tensors(tmp_path))
  assert got.keys() <= want.keys()
  largest = max(np.abs(x).max() for x in want.values())
  for name in got:
    difference = np.linalg.norm(got[name] - want[name])
    # A key's bias has no gradient but rounding.
    floor = 1e-3 * largest
    assert difference <= 1e-3 * max(np.linalg.norm(want[name]), floor), name


def test_transformers_loads_what_is_exported(both, tmp_path):
  case, loaded = both
  pretrained.export(loaded, tmp_path)
  model, report = type(case.model).from_pretrained(
    tmp_path, output_loading_info=True
  )
  assert not report['missing_keys']
  assert not report['unexpected_keys']
  again = _theirs(case, model.eval())
  for name, want in _theirs(case).items():
    assert torch.equal(again[name], want), name
  same = pretrained.load(tmp_path)
  jax.tree.map(
    np.testing.assert_array_equal,
    (same.params, same.collections),
    (loaded.params, loaded.collections),
  )
