"""Each kind of row reads what it writes, and says what does not fit."""

import numpy as np
import pytest
from jax import ShapeDtypeStruct

from mmjax.pretrained import table
from mmjax.pretrained.reading import load_rows
from mmjax.pretrained.table import Row, export_rows, unroll
from mmjax.types import InputError

F = np.float32
# Row -> shapes of the parameters, and of the tensor.
ROWS = {
  'plain': (Row('a', 'a'), [(3, 4)], (3, 4)),
  'scalar': (Row('a', 'a', '1 -> '), [()], (1,)),
  'transposed': (Row('a', 'a', 'd e -> e d'), [(3, 4)], (4, 3)),
  'of heads': (
    Row('a', 'a', '(k h) d -> d k h', {'k': 2}),
    [(5, 2, 3)],
    (6, 5),
  ),
  'of one row': (Row('a', 'a', '1 n d -> n d'), [(3, 4)], (1, 3, 4)),
  'split': (Row('a', ('p', 'q'), 'n d -> n d'), [(1, 1, 4), (6, 4)], (7, 4)),
  'split below one': (
    Row('a', ('p', 'q'), '1 n d -> n d'),
    [(1, 1, 4), (6, 4)],
    (1, 7, 4),
  ),
  'split in three of heads': (
    Row('a', ('q', 'k', 'v'), '(p k h) d -> p d k h', {'p': 3, 'k': 2}),
    [(5, 2, 3)] * 3,
    (18, 5),
  ),
  'split biases': (
    Row('a', ('q', 'k', 'v'), '(p k h) -> p k h', {'p': 3, 'k': 2}),
    [(2, 3)] * 3,
    (18,),
  ),
}


@pytest.mark.parametrize('name', ROWS)
def test_load_and_export_are_inverse(name, rng):
  row, shapes, shape = ROWS[name]
  leaves = [rng.normal(size=s).astype(F) for s in shapes]
  tensor = row.export(leaves)
  assert tensor.shape == shape
  assert tensor.flags.c_contiguous
  for got, want in zip(row.load(tensor, shapes), leaves, strict=True):
    np.testing.assert_array_equal(got, want)
  other = rng.normal(size=shape).astype(F)
  again = row.export(row.load(other, shapes))
  np.testing.assert_array_equal(again, other)


def test_a_projection_is_that_of_its_heads(rng):
  heads, x = 2, rng.normal(size=(7, 5))
  rows = {
    row.key: row
    for row in table.attention(
      'm', heads, query='q', key='k', value='v', out='o'
    )
  }
  weight, bias = rng.normal(size=(6, 5)), rng.normal(size=6)
  (kernel,) = rows['q.weight'].load(weight, [(5, heads, 3)])
  (ours,) = rows['q.bias'].load(bias, [(heads, 3)])
  want = (x @ weight.T + bias).reshape(7, heads, 3)
  np.testing.assert_allclose(np.einsum('nd,dkh->nkh', x, kernel) + ours, want)
  weight = rng.normal(size=(5, 6))
  (kernel,) = rows['o.weight'].load(weight, [(heads, 3, 5)])
  np.testing.assert_allclose(
    np.einsum('nkh,khd->nd', want, kernel), want.reshape(7, 6) @ weight.T
  )


def test_patches_are_a_convolution(rng):
  weight, picture = rng.normal(size=(4, 3, 2, 2)), rng.normal(size=(2, 2, 3))
  (row,) = table.patches('p', 'p', 2, bias=False)
  (kernel,) = row.load(weight, [(12, 4)])
  want = np.einsum('dcpq,pqc->d', weight, picture)
  np.testing.assert_allclose(picture.reshape(-1) @ kernel, want)


def test_rows_of_layers_are_unrolled():
  rows = table.under('x.', 'y/', table.norm('{}.norm', 'block_{}/norm'))
  found = unroll([*rows, Row('a', 'b')], 2)
  assert [(row.key, row.path) for row in found] == [
    ('x.0.norm.weight', 'y/block_0/norm/scale'),
    ('x.1.norm.weight', 'y/block_1/norm/scale'),
    ('x.0.norm.bias', 'y/block_0/norm/bias'),
    ('x.1.norm.bias', 'y/block_1/norm/bias'),
    ('a', 'b'),
  ]
  several = Row('{}', ('a_{}', 'b_{}')).at(3)
  assert (several.key, several.paths) == ('3', ('a_3', 'b_3'))


def _shapes(**shapes):
  return {k: ShapeDtypeStruct(s, F) for k, s in shapes.items()}


def test_one_error_lists_all_that_does_not_fit():
  rows = [
    *table.dense('one.dense', 'a'),
    Row('two', ('p', 'q'), 'n d -> n d'),
    Row('good', 'good'),
  ]
  shapes = _shapes(p=(1, 4), q=(2, 4), good=(1,))
  shapes |= {'a/kernel': ShapeDtypeStruct((3, 4), F)}
  shapes |= {'a/bias': ShapeDtypeStruct((4,), F)}
  tensors = {
    'one.dense.weight': np.zeros((3, 4)),
    'one.dense.biases': np.zeros(4),
    'two': np.zeros((4, 4)),
    'good': np.zeros(1),
    'buffer': np.zeros(1),
  }
  with pytest.raises(InputError) as error:
    list(load_rows(rows, tensors, shapes, ignore=['^buf'], source='F'))
  assert str(error.value) == (
    'F: no one.dense.bias (near are one.dense.biases, one.dense, one); '
    'one.dense.biases belongs to nothing; '
    'one.dense.weight is (3, 4) instead of (4, 3); '
    'two is (4, 4) instead of (3, 4)'
  )


def test_exported_rows_are_loaded(rng):
  rows = [
    row._replace(key=name, path=tuple(f'{name}/{p}' for p in row.paths))
    for name, (row, _, _) in ROWS.items()
  ]
  leaves = {
    path: rng.normal(size=shape).astype(F)
    for row, (_, shapes, _) in zip(rows, ROWS.values(), strict=True)
    for path, shape in zip(row.paths, shapes, strict=True)
  }
  found = dict(load_rows(rows, export_rows(rows, leaves), leaves))
  assert found.keys() == leaves.keys()
  for path, leaf in leaves.items():
    np.testing.assert_array_equal(found[path], leaf)
