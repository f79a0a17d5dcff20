"""VideoMAE of transformers: its encoder, with or without a classifier.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/videomae/modeling_videomae.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
from PIL import Image

from mmjax.encoders import VideoTransformer
from mmjax.layers import FirstToken, MeanPool, NumberedPositions
from mmjax.models.heads import Head
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
from mmjax.pretrained.table import Row, dense, norm, under, unroll

DEFAULTS = {
  **vit.DEFAULTS,
  'num_frames': 16,
  'tubelet_size': 2,
  'use_mean_pooling': True,
}
_ATTENTION = 'attention.attention'


def videomae(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a VideoMAE.

  Args:
    config: the checkpoint's `config.json`.
    names: of its tensors.
    image: what its preprocessor says of each frame.
  """
  c = Settings({'qkv_bias': config.get('qv_bias', True), **config}, DEFAULTS)
  mean = c.use_mean_pooling
  biases = tuple(name for name in vit.biases(c) if name != 'key')
  encoder = VideoTransformer(
    **c.transformer(biases=biases, last_norm=not mean),
    tubelet=(c.tubelet_size, c.patch_size),
    rest='drop',
    positions=NumberedPositions(),
    mean=image.mean,
    std=image.std,
  )
  heads: dict[str, Any] = {}
  rows: list[Row] = []
  if 'classifier.weight' in names:
    classes = len(config.get('id2label', {0: 0, 1: 1}))
    pool = FirstToken()
    if mean:
      pool = nn.Sequential([MeanPool(), nn.LayerNorm(epsilon=1e-5)])
      rows += norm('fc_norm', 'heads_logits/pool/layers_1')
    heads['logits'] = Head(classes=classes, norm=False, pool=pool)
    rows += dense('classifier', 'heads_logits/logits')
  table = [
    Row(
      'embeddings.patch_embeddings.projection.weight',
      'patches/kernel',
      'd c t p q -> (t p q c) d',
      {'t': c.tubelet_size, 'p': c.patch_size, 'q': c.patch_size},
    ),
    Row('embeddings.patch_embeddings.projection.bias', 'patches/bias'),
    *under('encoder.layer.{}.', f'{vit.BLOCK}/', _block_rows(c)),
    *([] if mean else norm('layernorm', 'transformer/norm')),
  ]
  prefix = common_prefix(names, 'videomae.')
  rows += unroll(under(prefix, 'encoders_video/', table), c.num_hidden_layers)
  size = c.image_size
  return Architecture(
    model=alone('video', encoder, heads),
    rows=rows,
    inputs={'video': shape(1, c.num_frames, size, size, c.num_channels)},
    name_outputs=single_outputs,
    video=image,
    # Of the pretraining, which is not read.
    ignore=(r'^decoder\.', r'^encoder_to_decoder\.', r'^mask_token$'),
  )


def image_processor(config: Mapping[str, Any]) -> ImageProcessor:
  """What transformers does with a frame where the folder does not say."""
  size = Settings(config, DEFAULTS).image_size
  return ImageProcessor(
    size=size, crop=(size, size), resample=Image.Resampling.BILINEAR
  )


def _block_rows(c: Settings) -> list[Row]:
  """Those of ViT; biases have names of their own, and keys have none."""
  renamed = {
    f'{_ATTENTION}.query.bias': f'{_ATTENTION}.q_bias',
    f'{_ATTENTION}.value.bias': f'{_ATTENTION}.v_bias',
  }
  return [
    row._replace(key=renamed.get(row.key, row.key))
    for row in vit.block_rows(c)
    if row.key != f'{_ATTENTION}.key.bias'
  ]
