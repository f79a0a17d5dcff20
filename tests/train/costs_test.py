"""What is counted in the text of compiled programs, by hand and by formula."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from mmjax.train.costs import Traffic, count
from mmjax.train.hlo import bytes_of, parse
from mmjax.train.mesh import MeshShape, make_mesh

# As the compiler for TPUs writes it, shortened: a loop of six turns around a
# product whose kernel is gathered, and a sum of which each device keeps a part.
LOOP = """\
HloModule jit_step, is_scheduled=true, num_partitions=4

%add (x: f32[], y: f32[]) -> f32[] {
  %x = f32[]{:T(256)} parameter(0)
  %y = f32[]{:T(256)} parameter(1)
  ROOT %sum = f32[]{:T(256)} add(%x, %y)
}

%product (p.0: bf16[256,512], p.1: bf16[512,512]) -> bf16[256,512] {
  %p.0 = bf16[256,512]{1,0:T(8,128)(2,1)} parameter(0)
  %p.1 = bf16[512,512]{1,0:T(8,128)(2,1)S(1)} parameter(1)
  ROOT %c = bf16[256,512]{1,0:T(8,128)(2,1)} convolution(%p.0, %p.1), \
dim_labels=bf_io->bf, backend_config={"estimated_cycles":"7"}
}

%scatter (p: f32[512,512]) -> f32[128,512] {
  %p = f32[512,512]{1,0} parameter(0)
  %all = f32[512,512]{1,0} all-reduce(%p), channel_id=5, \
replica_groups={{0,1,2,3}}, use_global_device_ids=true, to_apply=%add
  %zero = s32[] constant(0)
  ROOT %own = f32[128,512]{1,0} dynamic-slice(%all, %zero, %zero), \
dynamic_slice_sizes={128,512}
}

%body (in: (s32[], bf16[256,512], bf16[128,512])) -> \
(s32[], bf16[256,512], bf16[128,512]) {
  %in = (s32[]{:T(128)}, bf16[256,512]{1,0:T(8,128)(2,1)}, \
/*index=2*/bf16[128,512]{1,0}) parameter(0)
  %i = s32[] get-tuple-element(%in), index=0
  %x = bf16[256,512]{1,0} get-tuple-element(%in), index=1
  %w = bf16[128,512]{1,0} get-tuple-element(%in), index=2
  %gathered = bf16[512,512]{1,0} all-gather(%w), channel_id=1, \
replica_groups={{0,1,2,3}}, dimensions={0}
  %y = bf16[256,512]{1,0} fusion(%x, %gathered), kind=kOutput, \
calls=%product, backend_config={"estimated_cycles":"1000"}
  ROOT %out = (s32[], bf16[256,512]{1,0}, bf16[128,512]{1,0}) tuple(%i, %y, %w)
}

%condition (in.1: (s32[], bf16[256,512], bf16[128,512])) -> pred[] {
  %in.1 = (s32[], bf16[256,512]{1,0}, bf16[128,512]{1,0}) parameter(0)
  %n = s32[]{:T(128)} constant(6)
  %j = s32[] get-tuple-element(%in.1), index=0
  ROOT %less = pred[]{:T(512)} compare(%j, %n), direction=LT
}

ENTRY %main (a: (s32[], bf16[256,512], bf16[128,512])) -> f32[128,512] {
  %a = (s32[], bf16[256,512]{1,0}, bf16[128,512]{1,0}) parameter(0)
  %loop = (s32[], bf16[256,512]{1,0}, bf16[128,512]{1,0}) while(%a), \
condition=%condition, body=%body
  %b = f32[512,512]{1,0} custom-call(), custom_call_target="AllocateBuffer"
  ROOT %s = f32[128,512]{1,0} fusion(%b), kind=kCustom, calls=%scatter, \
backend_config={"estimated_cycles":"50"}
}
"""


def test_loops_count_as_often_as_they_run():
  found = count(LOOP)
  assert found.flops == 6 * 2 * 256 * 512 * 512
  # What stands in a fusion is part of the fusion's own estimate.
  assert found.cycles == 6 * 1000 + 50
  assert found.collectives == {
    'all-gather': Traffic(6, 6 * 512 * 512 * 2),
    'reduce-scatter': Traffic(1, 512 * 512 * 4),
  }


def test_loops_may_count_in_larger_steps():
  # As where the compiler has unrolled them.
  unrolled = LOOP.replace(
    '  ROOT %out', '  %two = s32[] constant(2)\n  %j = s32[] add(%i, %two)\n'
    '  ROOT %out',
  ).replace('tuple(%i, ', 'tuple(%j, ')  # fmt: skip
  assert count(unrolled).flops == 3 * 2 * 256 * 512 * 512
  assert count(unrolled).collectives['all-gather'].count == 3


def test_a_loop_that_says_how_often_it_runs_is_believed():
  said = LOOP.replace(
    'body=%body', 'body=%body, backend_config={"known_trip_count":{"n":"2"}}'
  )
  assert count(said).flops == 2 * 2 * 256 * 512 * 512


def test_communication_beside_other_work_counts_once():
  copy = """\
%{0} (q: bf16[128,512]) -> bf16[512,512] {{
  %q = bf16[128,512]{{1,0}} parameter(0)
  %g = bf16[512,512]{{1,0}} all-gather(%q), channel_id=9, \
replica_groups={{{{0,1,2,3}}}}, dimensions={{0}}, \
backend_config={{"async_collective_fusion_config":{{"flag_start":"{1}"}}}}
  ROOT %r = bf16[512,512]{{1,0}} custom-call(%g), custom_call_target="{2}"
}}

"""
  copies = (
    copy.format('first', -1, 'AsyncCollectiveStart')
    + copy.format('beside', 2, 'Other')
    + copy.format('last', 2, 'AsyncCollectiveDone')
  )
  calls = ''.join(
    f'  %call.{name} = bf16[512,512]{{1,0}} fusion(%a), kind=kCustom, '
    f'calls=%{name}\n'
    for name in ('first', 'beside', 'last')
  )
  text = copies + LOOP.replace('  %b = f32', f'{calls}  %b = f32')
  assert count(text).collectives['all-gather'].count == 6 + 1


def test_of_a_conditional_the_costliest_branch_counts():
  text = """\
%dear (x: f32[8,8]) -> f32[8,8] {
  %x = f32[8,8]{1,0} parameter(0)
  ROOT %d = f32[8,8]{1,0} dot(%x, %x), lhs_contracting_dims={1}, \
rhs_contracting_dims={0}
}

%free (y: f32[8,8]) -> f32[8,8] {
  ROOT %y = f32[8,8]{1,0} parameter(0)
}

ENTRY %main (i: s32[], z: f32[8,8]) -> f32[8,8] {
  %i = s32[] parameter(0)
  %z = f32[8,8]{1,0} parameter(1)
  ROOT %c = f32[8,8]{1,0} conditional(%i, %z, %z), \
branch_computations={%free, %dear}
}
"""
  assert count(text).flops == 2 * 8**3
  by_side = 'true_computation=%dear, false_computation=%free'
  assert count(
    text.replace('branch_computations={%free, %dear}', by_side)
  ).flops == (2 * 8**3)


# A product with batch axes 4 and 8 as TPUs compute it, forward and backward;
# a convolution with padding; one over dilated gradients; depthwise.
@pytest.mark.parametrize(
  ('left', 'right', 'out', 'attributes', 'flops'),
  [
    (
      '4,64,8,64',
      '4,64,8,64',
      '4,8,64,64',
      'window={size=4x8 stride=3x7 lhs_dilate=4x8}, dim_labels=0b1f_0o1i->01bf',
      2 * 4 * 8 * 64**3,
    ),
    (
      '4,64,8,64',
      '4,8,64,64',
      '4,8,64,64',
      'window={size=4x8 stride=4x8 pad=3_3x7_7 lhs_dilate=3x7 '
      'rhs_reversal=1x1}, dim_labels=0b1f_01io->01fb',
      2 * 4 * 8 * 64**3,
    ),
    (
      '2,5,3',
      '3,3,7',
      '2,5,7',
      'window={size=3 pad=1_1}, dim_labels=b0f_0io->b0f',
      2 * 2 * 7 * 3 * (5 * 3 - 2),
    ),
    (
      '2,5,3',
      '2,3,7',
      '2,10,7',
      'window={size=2 pad=1_1 lhs_dilate=2}, dim_labels=b0f_0io->b0f',
      2 * 2 * 7 * 3 * 10,
    ),
    (
      '2,5,6',
      '3,1,6',
      '2,3,6',
      'window={size=3}, dim_labels=b0f_0io->b0f, feature_group_count=6',
      2 * 2 * 3 * 6 * 3,
    ),
  ],
)
def test_convolutions_count_what_is_multiplied(
  left, right, out, attributes, flops
):
  text = f"""\
ENTRY %main (a: f32[{left}], b: f32[{right}]) -> f32[{out}] {{
  %a = f32[{left}] parameter(0)
  %b = f32[{right}] parameter(1)
  ROOT %c = f32[{out}] convolution(%a, %b), {attributes}
}}
"""
  assert count(text).flops == flops


def test_a_scanned_model_on_a_mesh_has_the_flops_of_its_formula():
  mesh = make_mesh(MeshShape(data=2, fsdp=4))
  layers, batch, width = 3, 32, 16

  def loss(kernels, x):
    x, _ = jax.lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, kernels)
    return jnp.sum((x @ x.T) ** 2)

  def shape(sizes, *axes):
    sharding = NamedSharding(mesh, PartitionSpec(*axes))
    return jax.ShapeDtypeStruct(sizes, jnp.float32, sharding=sharding)

  kernels = shape((layers, width, width), None, 'fsdp')
  x = shape((batch, width), ('data', 'fsdp'))
  compiled = jax.jit(jax.grad(loss)).lower(kernels, x).compile()
  found = count(compiled.as_text())
  rows = batch // 8
  # Forward, and backward to kernels and to activations (not to the data).
  scanned = layers * 3 * 2 * rows * width * width
  compared = 3 * 2 * rows * batch * width
  assert found.flops == scanned + compared
  assert compiled.cost_analysis()['flops'] < found.flops
  # The kernels travel, a layer at a time, forward and backward.
  assert found.collectives['all-gather'].count >= 2 * layers


def test_types_have_bytes():
  assert bytes_of('bf16[3,5]{1,0:T(8,128)(2,1)}') == 30
  assert bytes_of('(f8e4m3fn[7], pred[3], s4[8], token[])') == 7 + 3 + 4
  assert bytes_of('f32[]') == 4
  assert bytes_of('f32[<=16,2]') == 128


def test_operands_may_stand_with_their_types():
  line = 'ENTRY %m (a: f32[2]) -> f32[2] {\n  ROOT b = f32[2] add(f32[2] %a, '
  module = parse(line + 'f32[2]{0} %a), metadata={op_name="b"}\n}\n')
  assert module.computations['m']['b'].operands == ('a', 'a')
