"""CLIP of transformers: `CLIPModel`.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/clip/modeling_clip.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from mmjax.encoders import TextTransformer, ViT
from mmjax.layers import (
  ByteEmbedding,
  FirstToken,
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
from mmjax.pretrained.images import CLIP_MEAN, CLIP_STD, ImageProcessor
from mmjax.pretrained.table import (
  Row,
  attention,
  dense,
  norm,
  patches,
  under,
  unroll,
)
from mmjax.pretrained.texts import TextProcessor

_TOWER = {
  'num_hidden_layers': 12,
  'hidden_act': 'quick_gelu',
  'layer_norm_eps': 1e-5,
}
TEXT = {
  **_TOWER,
  'vocab_size': 49408,
  'hidden_size': 512,
  'intermediate_size': 2048,
  'num_attention_heads': 8,
  'max_position_embeddings': 77,
  'eos_token_id': 49407,
}
VISION = {
  **_TOWER,
  'hidden_size': 768,
  'intermediate_size': 3072,
  'num_attention_heads': 12,
  'image_size': 224,
  'patch_size': 32,
  'num_channels': 3,
}
MEAN, STD = CLIP_MEAN, CLIP_STD
# Configs of OpenAI's checkpoints say 2 and mean the largest id.
_LEGACY_END = 2


def clip(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a CLIP.

  Args:
    config: the checkpoint's `config.json`.
    names: of its tensors.
    image: what its preprocessor says.
  """
  del names
  top = Settings(config, {'projection_dim': 512})
  v = Settings(config.get('vision_config', {}), VISION)
  t = Settings(config.get('text_config', {}), TEXT)
  end = t.eos_token_id
  encoders = {
    'image': ViT(
      **v.transformer(first_norm=True, last_norm=False),
      patch_size=v.patch_size,
      class_token=True,
      class_position=True,
      patch_bias=False,
      rest='drop',
      mean=image.mean,
      std=image.std,
    ),
    'text': TextTransformer(
      **t.transformer(),
      causal=True,
      end_of_text='largest' if end == _LEGACY_END else end,
      embed=ByteEmbedding(vocabulary=t.vocab_size),
      positions=LearnedPositions(length=t.max_position_embeddings),
    ),
  }
  last: Any = nn.LayerNorm(epsilon=v.layer_norm_eps)
  alignment = Alignment(
    pools={
      'image': nn.Sequential([FirstToken(), last]),
      'text': LastToken(),
    },
    width=top.projection_dim,
    bias=None,
    max_scale=float('inf'),
  )
  rows = [
    *vision_rows(v),
    *text_rows(t),
    Row(
      'visual_projection.weight',
      'alignment/image_projection/kernel',
      'd e -> e d',
    ),
    Row(
      'text_projection.weight',
      'alignment/text_projection/kernel',
      'd e -> e d',
    ),
    Row('logit_scale', 'alignment/log_scale'),
  ]
  size = v.image_size
  return Architecture(
    model=Aligned(encoders=encoders, alignment=alignment),
    rows=rows,
    inputs={
      'image': shape(1, size, size, v.num_channels),
      'text': shape(1, t.max_position_embeddings, dtype=jnp.int32),
    },
    name_outputs=pair_outputs,
    image=image,
    text=TextProcessor(length=t.max_position_embeddings, pad=end),
    ignore=(r'position_ids$',),
  )


def image_processor(config: Mapping[str, Any]) -> ImageProcessor:
  """What transformers does where the folder does not say."""
  size = Settings(config.get('vision_config', {}), VISION).image_size
  return ImageProcessor(
    size=size, crop=(size, size), mean=MEAN, std=STD, square=False
  )


def vision_rows(v: Settings) -> list[Row]:
  """The picture's tower."""
  return [
    *under(
      'vision_model.embeddings.',
      'encoders_image/',
      [
        Row('class_embedding', 'class_token', 'd -> 1 1 d'),
        Row(
          'position_embedding.weight',
          ('class_position', 'positions/table'),
          'n d -> n d',
        ),
        *patches('patch_embedding', 'patches', v.patch_size, bias=False),
      ],
    ),
    *under(
      'vision_model.',
      '',
      [
        *norm('pre_layrnorm', 'encoders_image/transformer/first_norm'),
        *norm('post_layernorm', 'alignment/pools_image/layers_1'),
      ],
    ),
    *blocks('vision_model', 'encoders_image', v),
  ]


def text_rows(t: Settings) -> list[Row]:
  """The text's tower."""
  return [
    *under(
      'text_model.',
      'encoders_text/',
      [
        Row('embeddings.token_embedding.weight', 'embed/table'),
        Row('embeddings.position_embedding.weight', 'positions/table'),
        *norm('final_layer_norm', 'transformer/norm'),
      ],
    ),
    *blocks('text_model', 'encoders_text', t),
  ]


def blocks(key: str, path: str, c: Settings) -> list[Row]:
  """The blocks of a tower."""
  rows = [
    *norm('layer_norm1', 'attention_norm'),
    *attention(
      'attention',
      c.num_attention_heads,
      query='self_attn.q_proj',
      key='self_attn.k_proj',
      value='self_attn.v_proj',
      out='self_attn.out_proj',
    ),
    *norm('layer_norm2', 'mlp_norm'),
    *dense('mlp.fc1', 'mlp/up'),
    *dense('mlp.fc2', 'mlp/down'),
  ]
  return unroll(
    under(
      f'{key}.encoder.layers.{{}}.', f'{path}/transformer/block_{{}}/', rows
    ),
    c.num_hidden_layers,
  )
