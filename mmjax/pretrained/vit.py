"""ViT of transformers: `ViTModel` and `ViTForImageClassification`.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/vit/modeling_vit.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from mmjax.encoders import ViT
from mmjax.layers import DensePool, LearnedPositions
from mmjax.models.heads import Head, Pooled
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  alone,
  common_prefix,
  shape,
  single_outputs,
)
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.table import (
  Row,
  attention,
  dense,
  norm,
  patches,
  under,
  unroll,
)

DEFAULTS = {
  'hidden_size': 768,
  'num_hidden_layers': 12,
  'num_attention_heads': 12,
  'intermediate_size': 3072,
  'hidden_act': 'gelu',
  'layer_norm_eps': 1e-12,
  'image_size': 224,
  'patch_size': 16,
  'num_channels': 3,
  'qkv_bias': True,
}
BLOCK = 'transformer/block_{}'


def vit(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a ViT.

  Args:
    config: the checkpoint's `config.json`.
    names: of its tensors.
    image: what its preprocessor says.
  """
  c = Settings(config, DEFAULTS)
  heads: dict[str, Any] = {}
  rows: list[Row] = []
  if 'classifier.weight' in names:
    classes = len(config.get('id2label', {0: 0, 1: 1}))
    heads['logits'] = Head(classes=classes, norm=False)
    rows += dense('classifier', 'heads_logits/logits')
  prefix = common_prefix(names, 'vit.')
  if f'{prefix}pooler.dense.weight' in names:
    heads['pooler_output'] = Pooled(pool=DensePool())
    rows += dense(f'{prefix}pooler.dense', 'heads_pooler_output/pool/dense')
  encoder = ViT(
    **c.transformer(biases=biases(c)),
    patch_size=c.patch_size,
    class_token=True,
    class_position=True,
    rest='drop',
    positions=LearnedPositions(),
    mean=image.mean,
    std=image.std,
  )
  model = alone('image', encoder, heads)
  table = [
    *embedding_rows(c.patch_size),
    *norm('layernorm', 'transformer/norm'),
    *under('encoder.layer.{}.', f'{BLOCK}/', block_rows(c)),
  ]
  rows += unroll(under(prefix, 'encoders_image/', table), c.num_hidden_layers)
  size = c.image_size
  return Architecture(
    model=model,
    rows=rows,
    inputs={'image': shape(1, size, size, c.num_channels)},
    name_outputs=single_outputs,
    image=image,
  )


def image_processor(config: Mapping[str, Any]) -> ImageProcessor:
  """What transformers does where the folder does not say."""
  size = Settings(config, DEFAULTS).image_size
  return ImageProcessor(size=(size, size), resample=Image.Resampling.BILINEAR)


def embedding_rows(patch_size: int) -> list[Row]:
  """Class token, patches and positions."""
  return [
    Row('embeddings.cls_token', 'class_token'),
    Row(
      'embeddings.position_embeddings',
      ('class_position', 'positions/table'),
      '1 n d -> n d',
    ),
    *patches('embeddings.patch_embeddings.projection', 'patches', patch_size),
  ]


def biases(c: Settings) -> tuple[str, ...]:
  """Which linear layers have one."""
  return (*(('query', 'key', 'value') if c.qkv_bias else ()), 'out', 'mlp')


def attention_rows(c: Settings) -> list[Row]:
  """The attention of one block, without the biases that it lacks."""
  return attention(
    'attention',
    c.num_attention_heads,
    query='attention.attention.query',
    key='attention.attention.key',
    value='attention.attention.value',
    out='attention.output.dense',
    biases=biases(c),
  )


def block_rows(c: Settings) -> list[Row]:
  """One block."""
  return [
    *norm('layernorm_before', 'attention_norm'),
    *attention_rows(c),
    *norm('layernorm_after', 'mlp_norm'),
    *dense('intermediate.dense', 'mlp/up'),
    *dense('output.dense', 'mlp/down'),
  ]
