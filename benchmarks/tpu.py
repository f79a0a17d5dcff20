"""A training step of SigLIP B/16 on TPUs that are not there.

Compiles the step that training would run (towers of size B for images of 224
pixels and texts of 64 tokens, the sigmoid loss over the global batch, AdamW)
for a slice of TPUs, and prints what it takes of each chip. Cycles are the sum
of the compiler's own estimates, loops as often as they run; communication, for
which it makes none, stands beside them in bytes. MFU is of the FLOPs that the
model needs, without those that `--remat` adds.

  python benchmarks/tpu.py [--scan --remat projections] [--fsdp 16]

The compiler for TPUs does all the work: no TPU is needed, but libtpu, and some
minutes of one core.
"""

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any, Literal

import tyro

from mmjax.data.datasets.generated import Generated
from mmjax.encoders import TextTransformer, ViT
from mmjax.layers import (
  AttentionPool,
  ByteEmbedding,
  DensePool,
  LastToken,
  Style,
  dot_product_attention,
  tokens_first_attention,
)
from mmjax.layers.transformer import Remat
from mmjax.models import Aligned, Alignment
from mmjax.objectives import Sigmoid
from mmjax.train import topologies
from mmjax.train.config import Checkpointing, Config
from mmjax.train.mesh import MeshShape
from mmjax.train.optimizer import AdamW
from mmjax.train.plan import plan
from mmjax.train.program import make_program

GIB = 2**30
ATTENTION = {
  'heads_first': dot_product_attention,
  'tokens_first': tokens_first_attention,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
  """What is compiled; the defaults are those of SigLIP B/16."""

  topology: str = 'v5e:4x4'
  """Slice of TPUs, as in `train.py --plan`."""
  per_chip: int = 32
  """Examples on each chip."""
  width: int = 768
  """Features of a token."""
  depth: int = 12
  """Blocks of each tower."""
  heads: int = 12
  """Attention heads."""
  image_size: int = 224
  """Side of an image, pixels."""
  text_length: int = 64
  """Tokens of a text."""
  vocabulary: int = 32_000
  """Token ids."""
  scan: bool = False
  """Whether one compiled block loops over stacked parameters."""
  remat: Remat = 'none'
  """What the backward pass computes again."""
  fsdp: int = 1
  """Chips that share each large parameter and its moments."""
  attention: Literal['heads_first', 'tokens_first'] = 'tokens_first'
  """Order of axes that attention computes in."""
  compute_dtype: Literal['bfloat16', 'float32'] = 'bfloat16'
  """Precision of the model; parameters and moments are float32."""


def config(options: Options) -> Config:
  """The run whose step is compiled; its data are random numbers."""
  style = Style(attend=ATTENTION[options.attention])
  tower: dict[str, Any] = {
    'style': style,
    'width': options.width,
    'depth': options.depth,
    'heads': options.heads,
    'scan': options.scan,
    'remat': options.remat,
  }
  data = Generated(
    modalities=('image', 'text'),
    image_size=options.image_size,
    text_length=options.text_length,
    vocabulary=options.vocabulary,
  )
  return Config(
    data=data,
    model=Aligned(
      encoders={
        'image': ViT(patch_size=16, **tower),
        'text': TextTransformer(
          embed=ByteEmbedding(vocabulary=data.vocabulary), **tower
        ),
      },
      alignment=Alignment(
        pools={
          'image': AttentionPool(heads=options.heads, style=style),
          'text': DensePool(pool=LastToken(), activation=None),
        },
        width=None,
        scale=10.0,
        bias=-10.0,
      ),
    ),
    objectives={'align': Sigmoid(pairs=(('image', 'text'),))},
    evaluators={},
    optimizer=AdamW(b2=0.95),
    batch_size=options.per_chip * topologies.find(options.topology).size,
    mesh=MeshShape(fsdp=options.fsdp),
    compute_dtype=options.compute_dtype,
    checkpoint=Checkpointing(best=None),
  )


def model_flops(options: Options) -> float:
  """FLOPs of a step on each chip, with nothing computed twice."""
  topology = topologies.find(options.topology)
  plain = dataclasses.replace(options, remat='none', fsdp=1)
  program = make_program(config(plain), topology.devices())
  return program.flops / topology.size


def measure(options: Options) -> dict[str, Any]:
  """Compiles the step; what it takes of each chip.

  Raises:
    InputError: there is no such topology, or libtpu is not installed.
  """
  topology = topologies.find(options.topology)
  topology.prepare()
  with tempfile.TemporaryDirectory() as folder:
    found = plan(config(options), topology, Path(folder))
  cycles, chip = found['compute_cycles'], topology.chip
  flops = model_flops(options)
  mfu = None
  if cycles and chip is not None:
    mfu = flops / (cycles * chip.flops_per_cycle)
  return {
    **dataclasses.asdict(options),
    'parameters': found['parameters'],
    'hbm': found['hbm'],
    'flops': found['flops_per_chip'],
    'model_flops': flops,
    'cycles': cycles,
    'mfu': mfu,
    'collectives': found['collectives'],
    'cycles_with_communication': found['estimated_cycles'],
    'compile_seconds': found['compile_seconds'],
  }


def rows(found: dict[str, Any]) -> dict[str, str]:
  """What the table says; a dash where the program does not fit."""

  def show(value: float | None, text: str, unit: float = 1.0) -> str:
    return '-' if value is None else text.format(value / unit)

  hbm = found['hbm']
  return {
    'arguments, GiB': show(hbm['arguments'], '{:.2f}', GIB),
    'temporaries, GiB': show(hbm['temporaries'], '{:.2f}', GIB),
    'TFLOP': show(found['flops'], '{:.3f}', 1e12),
    'TFLOP of the model': show(found['model_flops'], '{:.3f}', 1e12),
    **{
      f'{kind} x {one["count"]}, MiB': show(one['bytes'], '{:.1f}', 2**20)
      for kind, one in (found['collectives'] or {}).items()
    },
    'M cycles': show(found['cycles'], '{:.1f}', 1e6),
    'MFU': show(found['mfu'], '{:.3f}'),
    'M cycles with communication': show(
      found['cycles_with_communication'], '{:.1f}', 1e6
    ),
    'compiled in, s': show(found['compile_seconds'], '{:.0f}'),
  }


def main() -> None:
  """Prints the table, and a line of JSON."""
  found = measure(tyro.cli(Options, description=__doc__))
  print('| of each chip | |\n|---|---|')
  for name, value in rows(found).items():
    print(f'| {name} | {value} |')
  print(json.dumps(found))


if __name__ == '__main__':
  main()
