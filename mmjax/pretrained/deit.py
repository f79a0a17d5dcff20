"""DeiT of transformers: alone, or with one classifier or both.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/deit/modeling_deit.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmjax.encoders import ViT
from mmjax.layers import DensePool, LearnedPositions, NthToken
from mmjax.models.heads import Head, Pooled
from mmjax.pretrained import vit
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  alone,
  common_prefix,
  shape,
  single_outputs,
)
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.table import Row, dense, norm, patches, under, unroll
from mmjax.types import Outputs

DEFAULTS = {
  **vit.DEFAULTS,
  'pooler_output_size': None,
  'pooler_act': 'tanh',
}
# Name of a classifier there -> of its output, and the token that it reads.
_CLASSIFIERS = {
  'classifier': ('logits', 0),
  'cls_classifier': ('cls_logits', 0),
  'distillation_classifier': ('distillation_logits', 1),
}


def deit(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a DeiT.

  Args:
    config: the checkpoint's `config.json`.
    names: of its tensors.
    image: what its preprocessor says.
  """
  c = Settings(config, DEFAULTS)
  encoder = ViT(
    **c.transformer(biases=vit.biases(c)),
    patch_size=c.patch_size,
    class_token=True,
    class_position=True,
    registers=1,
    register_positions=True,
    rest='drop',
    positions=LearnedPositions(),
    mean=image.mean,
    std=image.std,
  )
  prefix = common_prefix(names, 'deit.')
  heads, rows = _heads(c, config, names, prefix)
  table = [
    Row('embeddings.cls_token', 'class_token'),
    Row('embeddings.distillation_token', 'register_tokens'),
    Row(
      'embeddings.position_embeddings',
      ('class_position', 'register_table', 'positions/table'),
      '1 n d -> n d',
    ),
    *patches('embeddings.patch_embeddings.projection', 'patches', c.patch_size),
    *norm('layernorm', 'transformer/norm'),
    *under('encoder.layer.{}.', f'{vit.BLOCK}/', vit.block_rows(c)),
  ]
  rows += unroll(under(prefix, 'encoders_image/', table), c.num_hidden_layers)
  size = c.image_size
  return Architecture(
    model=alone('image', encoder, heads),
    rows=rows,
    inputs={'image': shape(1, size, size, c.num_channels)},
    name_outputs=_outputs,
    image=image,
    ignore=(r'embeddings\.mask_token$',),
  )


def image_processor(config: Mapping[str, Any]) -> ImageProcessor:
  """What transformers does where the folder does not say."""
  del config
  return ImageProcessor(size=(256, 256), crop=(224, 224))


def _heads(
  c: Settings, config: Mapping[str, Any], names: Sequence[str], prefix: str
) -> tuple[dict[str, Any], list[Row]]:
  heads: dict[str, Any] = {}
  rows: list[Row] = []
  classes = len(config.get('id2label', {0: 0, 1: 1}))
  for key, (name, token) in _CLASSIFIERS.items():
    if f'{key}.weight' in names:
      pool = NthToken(index=token)
      heads[name] = Head(classes=classes, norm=False, pool=pool)
      rows += dense(key, f'heads_{name}/logits')
  key = f'{prefix}pooler.dense'
  if f'{key}.weight' in names:
    activation = c.activation('pooler_act')
    pool = DensePool(width=c.pooler_output_size, activation=activation)
    heads['pooler_output'] = Pooled(pool=pool)
    rows += dense(key, 'heads_pooler_output/pool/dense')
  return heads, rows


def _outputs(outputs: Outputs) -> dict[str, Any]:
  """With the mean of both classifiers, if there are two."""
  found = single_outputs(outputs)
  both = [found[n] for n in ('cls_logits', 'distillation_logits') if n in found]
  return {**found, 'logits': sum(both) / 2} if len(both) == 2 else found
