"""The towers of CLIP, and folders that hold one of them.

`CLIPVisionModel` and `CLIPTextModel` with and without projection, and
`CLIPForImageClassification` of transformers.

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
  MeanPool,
)
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
from mmjax.pretrained.texts import TextProcessor

_TOWER = {
  'num_hidden_layers': 12,
  'hidden_act': 'quick_gelu',
  'layer_norm_eps': 1e-5,
  'projection_dim': 512,
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
IGNORE = (r'position_ids$',)
# Configs of OpenAI's checkpoints say 2 and mean the largest id.
_LEGACY_END = 2
_POOLED = 'heads_pooler_output/pool'


def vision_model(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of the picture's tower."""
  v = Settings(config, VISION)
  name, rows, last = 'pooler_output', [], []
  if 'visual_projection.weight' in names:
    name, last = 'image_embeds', [nn.Dense(v.projection_dim, use_bias=False)]
    path = f'heads_{name}/pool/layers_2'
    rows = dense('visual_projection', path, bias=False)
  head = Pooled(pool=image_pool(v, *last))
  rows += vision_rows(
    v,
    common_prefix(names, 'vision_model.'),
    norm_path=f'heads_{name}/pool/layers_1',
  )
  return _of_pictures(v, image, {name: head}, rows)


def classifier(
  config: Mapping[str, Any], image: ImageProcessor
) -> Architecture:
  """The architecture of the picture's tower with a classifier on it."""
  v = Settings(config.get('vision_config', {}), VISION)
  heads: dict[str, Any] = {
    'logits': Head(
      classes=len(config.get('id2label', {0: 0, 1: 1})),
      norm=False,
      pool=MeanPool(skip=1),
    ),
    # What the classifier does not look at is in the file, too.
    'pooler_output': Pooled(pool=image_pool(v)),
  }
  rows = [
    *vision_rows(v, 'vision_model.', norm_path=f'{_POOLED}/layers_1'),
    *dense('classifier', 'heads_logits/logits'),
  ]
  return _of_pictures(v, image, heads, rows)


def text_model(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of the text's tower."""
  del image
  t = Settings(config, TEXT)
  heads: dict[str, Any] = {'pooler_output': Pooled(pool=LastToken())}
  rows: list[Row] = []
  if 'text_projection.weight' in names:
    projection = nn.Dense(t.projection_dim, use_bias=False)
    pool: Any = nn.Sequential([LastToken(), projection])
    heads = {'text_embeds': Pooled(pool=pool)}
    path = 'heads_text_embeds/pool/layers_1'
    rows = dense('text_projection', path, bias=False)
  return Architecture(
    model=alone('text', text_encoder(t), heads),
    rows=[*rows, *text_rows(t, common_prefix(names, 'text_model.'))],
    inputs=text_inputs(t),
    name_outputs=single_outputs,
    text=text_processor(t),
    ignore=IGNORE,
  )


def vision_encoder(v: Settings, image: ImageProcessor) -> ViT:
  """The picture's tower."""
  return ViT(
    **v.transformer(first_norm=True, last_norm=False),
    patch_size=v.patch_size,
    class_token=True,
    class_position=True,
    patch_bias=False,
    rest='drop',
    mean=image.mean,
    std=image.std,
  )


def text_encoder(t: Settings) -> TextTransformer:
  """The text's tower."""
  end = t.eos_token_id
  return TextTransformer(
    **t.transformer(),
    causal=True,
    end_of_text='largest' if end == _LEGACY_END else end,
    embed=ByteEmbedding(vocabulary=t.vocab_size),
    positions=LearnedPositions(length=t.max_position_embeddings),
  )


def image_pool(v: Settings, *more: nn.Module) -> Any:
  """The class token under a norm of its own, and what comes behind."""
  last: Any = nn.LayerNorm(epsilon=v.layer_norm_eps)
  return nn.Sequential([FirstToken(), last, *more])


def text_processor(t: Settings) -> TextProcessor:
  """What prepares texts, where the folder does not say."""
  return TextProcessor(length=t.max_position_embeddings, pad=t.eos_token_id)


def image_inputs(v: Settings) -> dict[str, Any]:
  """Shape of one picture."""
  return {'image': shape(1, v.image_size, v.image_size, v.num_channels)}


def text_inputs(t: Settings) -> dict[str, Any]:
  """Shape of one text."""
  return {'text': shape(1, t.max_position_embeddings, dtype=jnp.int32)}


def vision_rows(v: Settings, prefix: str, *, norm_path: str) -> list[Row]:
  """The picture's tower; the norm behind the class token is at `norm_path`."""
  rows = [
    Row('embeddings.class_embedding', 'class_token', 'd -> 1 1 d'),
    Row(
      'embeddings.position_embedding.weight',
      ('class_position', 'positions/table'),
      'n d -> n d',
    ),
    *patches('embeddings.patch_embedding', 'patches', v.patch_size, bias=False),
    *norm('pre_layrnorm', 'transformer/first_norm'),
  ]
  return [
    *under(prefix, 'encoders_image/', rows),
    *norm(f'{prefix}post_layernorm', norm_path),
    *blocks(prefix, 'encoders_image', v),
  ]


def text_rows(t: Settings, prefix: str) -> list[Row]:
  """The text's tower."""
  rows = [
    Row('embeddings.token_embedding.weight', 'embed/table'),
    Row('embeddings.position_embedding.weight', 'positions/table'),
    *norm('final_layer_norm', 'transformer/norm'),
  ]
  return [
    *under(prefix, 'encoders_text/', rows),
    *blocks(prefix, 'encoders_text', t),
  ]


def blocks(prefix: str, path: str, c: Settings) -> list[Row]:
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
      f'{prefix}encoder.layers.{{}}.', f'{path}/transformer/block_{{}}/', rows
    ),
    c.num_hidden_layers,
  )


def _of_pictures(
  v: Settings,
  image: ImageProcessor,
  heads: Mapping[str, Any],
  rows: Sequence[Row],
) -> Architecture:
  return Architecture(
    model=alone('image', vision_encoder(v, image), heads),
    rows=rows,
    inputs=image_inputs(v),
    name_outputs=single_outputs,
    image=image,
    ignore=IGNORE,
  )
