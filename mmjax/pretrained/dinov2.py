"""DINOv2 of transformers, without and with registers, for classes or alone.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/dinov2/modeling_dinov2.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmjax.encoders import ViT
from mmjax.layers import (
  FirstToken,
  MeanPool,
  ResampledPositions,
  SideBySide,
)
from mmjax.layers.pixels import IMAGENET_MEAN, IMAGENET_STD
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
from mmjax.pretrained.table import Row, dense, norm, under, unroll
from mmjax.pretrained.vit import (
  BLOCK,
  attention_rows,
  biases,
  embedding_rows,
)

DEFAULTS = {
  'hidden_size': 768,
  'num_hidden_layers': 12,
  'num_attention_heads': 12,
  'mlp_ratio': 4,
  'hidden_act': 'gelu',
  'layer_norm_eps': 1e-6,
  'image_size': 224,
  'patch_size': 14,
  'num_channels': 3,
  'qkv_bias': True,
  'layerscale_value': 1.0,
  'use_swiglu_ffn': False,
  'num_register_tokens': 0,
}
# Where those with registers differ.
REGISTERS = {'patch_size': 16, 'num_register_tokens': 4}


def dinov2(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a DINOv2.

  Args:
    config: the checkpoint's `config.json`.
    names: of its tensors.
    image: what its preprocessor says.
  """
  registered = config.get('model_type') == 'dinov2_with_registers'
  c = _settings(config, {**DEFAULTS, **(REGISTERS if registered else {})})
  grid = c.image_size // c.patch_size
  encoder = ViT(
    **c.transformer(
      biases=biases(c),
      gated=c.use_swiglu_ffn,
      layer_scale=c.layerscale_value,
    ),
    patch_size=c.patch_size,
    class_token=True,
    class_position=True,
    registers=c.num_register_tokens,
    rest='drop',
    positions=ResampledPositions(grid=(grid, grid), antialias=registered),
    mean=image.mean,
    std=image.std,
  )
  heads: dict[str, Any] = {'pooler_output': Pooled()}
  rows: list[Row] = []
  if 'classifier.weight' in names:
    classes = len(config.get('id2label', {0: 0, 1: 1}))
    patches = MeanPool(skip=1 + c.num_register_tokens)
    pool = SideBySide(pools=(FirstToken(), patches))
    heads['logits'] = Head(classes=classes, norm=False, pool=pool)
    rows += dense('classifier', 'heads_logits/logits')
  table = [
    *embedding_rows(c.patch_size),
    *norm('layernorm', 'transformer/norm'),
    *under('encoder.layer.{}.', f'{BLOCK}/', _block_rows(c)),
  ]
  if c.num_register_tokens:
    table.append(Row('embeddings.register_tokens', 'register_tokens'))
  prefix = common_prefix(names, f'{config.get("model_type", "dinov2")}.')
  rows += unroll(under(prefix, 'encoders_image/', table), c.num_hidden_layers)
  size = c.image_size
  return Architecture(
    model=alone('image', encoder, heads),
    rows=rows,
    inputs={'image': shape(1, size, size, c.num_channels)},
    name_outputs=single_outputs,
    image=image,
    ignore=(r'embeddings\.mask_token$',),
  )


def image_processor(config: Mapping[str, Any]) -> ImageProcessor:
  """What the published folders say."""
  del config
  return ImageProcessor(
    size=256, crop=(224, 224), mean=IMAGENET_MEAN, std=IMAGENET_STD
  )


def _settings(
  config: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Settings:
  """With the MLP's width and nonlinearity, which the file does not hold."""
  c = Settings(config, defaults)
  hidden = int(c.hidden_size * c.mlp_ratio)
  if not c.use_swiglu_ffn:
    return Settings({**config, 'intermediate_size': hidden}, defaults)
  # Two thirds of it, up to the next multiple of eight.
  hidden = (int(hidden * 2 / 3) + 7) // 8 * 8
  changed = {'intermediate_size': hidden, 'hidden_act': 'silu'}
  return Settings({**config, **changed}, defaults)


def _block_rows(c: Settings) -> list[Row]:
  mlp = [*dense('mlp.fc1', 'mlp/up'), *dense('mlp.fc2', 'mlp/down')]
  if c.use_swiglu_ffn:
    both = ('mlp/gate', 'mlp/up')
    mlp = [
      Row(
        'mlp.weights_in.weight',
        tuple(f'{path}/kernel' for path in both),
        '(p e) d -> p d e',
        {'p': 2},
      ),
      Row(
        'mlp.weights_in.bias',
        tuple(f'{path}/bias' for path in both),
        '(p e) -> p e',
        {'p': 2},
      ),
      *dense('mlp.weights_out', 'mlp/down'),
    ]
  return [
    *norm('norm1', 'attention_norm'),
    *attention_rows(c),
    Row('layer_scale1.lambda1', 'attention_scale'),
    *norm('norm2', 'mlp_norm'),
    *mlp,
    Row('layer_scale2.lambda1', 'mlp_scale'),
  ]
