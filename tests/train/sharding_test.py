"""Which axis of which parameter lies on which axis of the mesh."""

import jax
import jax.numpy as jnp
import optax
import pytest
from jax.sharding import PartitionSpec as P

from mmjax.encoders.image import ViT
from mmjax.train.mesh import MeshShape, make_mesh
from mmjax.train.sharding import state_shardings
from mmjax.train.state import TrainState
from mmjax.types import InputError


def _state(tx=None, **fields):
  tx = optax.adamw(1e-3) if tx is None else tx
  vit = ViT(patch_size=4, width=16, depth=2, heads=4, **fields)
  image = jax.ShapeDtypeStruct((2, 8, 8, 3), jnp.float32)
  mask = jax.ShapeDtypeStruct((2,), jnp.bool_)

  def init(key, image, mask):
    params = vit.init(key, image, mask)['params']
    return TrainState(jnp.zeros(()), params, tx.init(params), None, {})

  return jax.eval_shape(init, jax.random.key(0), image, mask)


def _specs(state, *, rules=None, min_size=1, **mesh):
  mesh = make_mesh(MeshShape(**mesh))
  more = {} if rules is None else {'rules': rules}
  found = state_shardings(state, mesh, min_size=min_size, **more)
  return jax.tree.map(lambda s: s.spec, found)


def _block(specs):
  return specs.params['transformer']['block_0']


def test_by_default_every_device_holds_everything():
  found = state_shardings(_state(), make_mesh(), min_size=1)
  assert all(s.is_fully_replicated for s in jax.tree.leaves(found))


def test_tensor_splits_heads_and_the_hidden_layer():
  block = _block(_specs(_state(), tensor=4))
  attention = block['attention']
  for name in ('query', 'key', 'value'):
    assert attention[name]['kernel'] == P(None, 'tensor', None)
    assert attention[name]['bias'] == P('tensor', None)
  assert attention['out']['kernel'] == P('tensor', None, None)
  assert block['mlp']['up']['kernel'] == P(None, 'tensor')
  assert block['mlp']['up']['bias'] == P('tensor')
  assert block['mlp']['down']['kernel'] == P('tensor', None)
  # What is added to all positions is whole everywhere.
  assert attention['out']['bias'] == P(None)
  assert block['mlp']['down']['bias'] == P(None)


def test_fsdp_splits_the_largest_free_axis_of_large_leaves():
  specs = _specs(_state(), fsdp=4, tensor=2, min_size=200)
  block = _block(specs)
  assert block['mlp']['up']['kernel'] == P('fsdp', 'tensor')
  assert block['mlp']['down']['kernel'] == P('tensor', 'fsdp')
  # 48 x 16: the first axis is the larger one.
  assert specs.params['patches']['kernel'] == P('fsdp', None)
  assert block['mlp_norm']['scale'] == P(None)


def test_what_the_optimiser_keeps_is_split_like_its_parameter():
  specs = _specs(_state(), fsdp=2, tensor=2, min_size=100)
  adam = specs.opt_state[0]
  assert adam.mu == adam.nu == specs.params
  assert specs.step == P()


def test_sums_of_a_factored_optimiser_do_not_stop_it():
  _specs(_state(optax.adafactor(1e-3)), tensor=2)


def test_the_axis_of_scanned_layers_is_never_split():
  specs = _specs(_state(scan=True), fsdp=2, tensor=2)
  blocks = specs.params['transformer']['blocks']
  assert blocks['mlp']['up']['kernel'] == P(None, 'fsdp', 'tensor')
  assert blocks['attention']['query']['bias'] == P(None, 'tensor', 'fsdp')
  assert blocks['mlp_norm']['scale'] == P(None, 'fsdp')


def test_errors_name_rule_parameter_and_mesh():
  state = _state()
  rules = (('atention/out/kernel', ('tensor', None, None)),)
  match = r"'atention/out/kernel' matches no parameter.*attention/out/kernel"
  with pytest.raises(InputError, match=match):
    _specs(state, rules=rules, tensor=2)
  match = r'attention/.*cannot be split.*tensor.: 8'
  with pytest.raises(InputError, match=match):
    _specs(state, tensor=8)
