"""SigLIP of transformers, 1 and 2 at a fixed resolution: `SiglipModel`.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip/modeling_siglip.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from mmjax.encoders import TextTransformer, ViT
from mmjax.layers import (
  AttentionPool,
  ByteEmbedding,
  DensePool,
  LastToken,
  LearnedPositions,
)
from mmjax.models import Aligned, Alignment
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  pair_outputs,
  shape,
)
from mmjax.pretrained.clip import blocks
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.table import Row, dense, norm, patches, under
from mmjax.pretrained.texts import TextProcessor

_TOWER = {
  'hidden_size': 768,
  'intermediate_size': 3072,
  'num_hidden_layers': 12,
  'num_attention_heads': 12,
  'hidden_act': 'gelu_pytorch_tanh',
  'layer_norm_eps': 1e-6,
}
TEXT = {**_TOWER, 'vocab_size': 32000, 'max_position_embeddings': 64}
VISION = {**_TOWER, 'image_size': 224, 'patch_size': 16, 'num_channels': 3}
_PAD = 1


def siglip(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a SigLIP.

  Args:
    config: the checkpoint's `config.json`.
    names: of its tensors.
    image: what its preprocessor says.
  """
  del names
  v = Settings(config.get('vision_config', {}), VISION)
  t = Settings(config.get('text_config', {}), TEXT)
  t_width = config.get('text_config', {}).get('projection_size')
  encoders = {
    'image': ViT(
      **v.transformer(),
      patch_size=v.patch_size,
      rest='drop',
      mean=image.mean,
      std=image.std,
    ),
    'text': TextTransformer(
      **t.transformer(),
      embed=ByteEmbedding(vocabulary=t.vocab_size),
      positions=LearnedPositions(length=t.max_position_embeddings),
    ),
  }
  pool = AttentionPool(
    heads=v.num_attention_heads,
    mlp_ratio=v.intermediate_size / v.hidden_size,
    style=v.style(),
  )
  alignment = Alignment(
    pools={
      'image': pool,
      'text': DensePool(
        pool=LastToken(), width=t_width or t.hidden_size, activation=None
      ),
    },
    width=None,
    max_scale=float('inf'),
  )
  size, length = v.image_size, t.max_position_embeddings
  return Architecture(
    model=Aligned(encoders=encoders, alignment=alignment),
    rows=[
      *_image_rows(v),
      *_text_rows(t),
      Row('logit_scale', 'alignment/log_scale', '1 -> '),
      Row('logit_bias', 'alignment/bias', '1 -> '),
    ],
    inputs={
      'image': shape(1, size, size, v.num_channels),
      'text': shape(1, length, dtype=jnp.int32),
    },
    name_outputs=pair_outputs,
    image=image,
    text=TextProcessor(
      length=length, pad=_PAD, padding='max_length', attend_padding=True
    ),
    ignore=(r'position_ids$',),
  )


def image_processor(config: Mapping[str, Any]) -> ImageProcessor:
  """What transformers does where the folder does not say."""
  size = Settings(config.get('vision_config', {}), VISION).image_size
  return ImageProcessor(size=(size, size), square=False)


def _image_rows(v: Settings) -> list[Row]:
  p = v.patch_size
  grid = {'h': v.image_size // p, 'w': v.image_size // p}
  head = [
    Row('probe', 'probe'),
    Row(
      'attention.in_proj_weight',
      tuple(f'attention/{n}/kernel' for n in ('query', 'key', 'value')),
      '(p k h) d -> p d k h',
      {'p': 3, 'k': v.num_attention_heads},
    ),
    Row(
      'attention.in_proj_bias',
      tuple(f'attention/{n}/bias' for n in ('query', 'key', 'value')),
      '(p k h) -> p k h',
      {'p': 3, 'k': v.num_attention_heads},
    ),
    Row(
      'attention.out_proj.weight',
      'attention/out/kernel',
      'd (k h) -> k h d',
      {'k': v.num_attention_heads},
    ),
    Row('attention.out_proj.bias', 'attention/out/bias'),
    *norm('layernorm', 'norm'),
    *dense('mlp.fc1', 'mlp/up'),
    *dense('mlp.fc2', 'mlp/down'),
  ]
  rows = [
    Row(
      'embeddings.position_embedding.weight',
      'positions/table',
      '(h w) d -> h w d',
      grid,
    ),
    *patches('embeddings.patch_embedding', 'patches', p),
    *norm('post_layernorm', 'transformer/norm'),
  ]
  return [
    *under('vision_model.', 'encoders_image/', rows),
    *under('vision_model.head.', 'alignment/pools_image/', head),
    *blocks('vision_model', 'encoders_image', v),
  ]


def _text_rows(t: Settings) -> list[Row]:
  rows = [
    Row('embeddings.token_embedding.weight', 'embed/table'),
    Row('embeddings.position_embedding.weight', 'positions/table'),
    *norm('final_layer_norm', 'transformer/norm'),
  ]
  return [
    *under('text_model.', 'encoders_text/', rows),
    *dense('text_model.head', 'alignment/pools_text/dense'),
    *blocks('text_model', 'encoders_text', t),
  ]
