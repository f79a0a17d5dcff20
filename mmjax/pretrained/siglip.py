"""SigLIP of transformers, 1 and 2 at a fixed resolution: `SiglipModel`.

And its towers alone: `SiglipVisionModel`, `SiglipTextModel`,
`SiglipForImageClassification`.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip/modeling_siglip.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmjax.encoders import TextTransformer, ViT
from mmjax.layers import (
  AttentionPool,
  ByteEmbedding,
  DensePool,
  LastToken,
  LearnedPositions,
  MeanPool,
)
from mmjax.models import Aligned, Alignment
from mmjax.models.heads import Head, Pooled
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  alone,
  common_prefix,
  pair_outputs,
  single_outputs,
)
from mmjax.pretrained.clip_towers import (
  IGNORE,
  blocks,
  image_inputs,
  text_inputs,
)
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
TEXT = {
  **_TOWER,
  'vocab_size': 32000,
  'max_position_embeddings': 64,
  'projection_size': None,  # as wide as the tower
}
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
  if 'classifier.weight' in names:
    return _classifier(config, names, image)
  v = Settings(config.get('vision_config', {}), VISION)
  t = Settings(config.get('text_config', {}), TEXT)
  alignment = Alignment(
    pools={'image': _image_pool(v), 'text': _text_pool(t)},
    width=None,
    max_scale=float('inf'),
  )
  return Architecture(
    model=Aligned(
      encoders={'image': _image_encoder(v, image), 'text': _text_encoder(t)},
      alignment=alignment,
    ),
    rows=[
      *_image_rows(v, 'vision_model.'),
      *_pool_rows(v, 'vision_model.', 'alignment/pools_image/'),
      *_text_rows(t, 'text_model.', 'alignment/pools_text/dense'),
      Row('logit_scale', 'alignment/log_scale', '1 -> '),
      Row('logit_bias', 'alignment/bias', '1 -> '),
    ],
    inputs={**image_inputs(v), **text_inputs(t)},
    name_outputs=pair_outputs,
    image=image,
    text=_text_processor(t),
    ignore=IGNORE,
  )


def vision_model(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of the picture's tower, with its pooling or without."""
  v = Settings(config, VISION)
  return _of_pictures(v, names, image, {}, [])


def text_model(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of the text's tower."""
  del image
  t = Settings(config, TEXT)
  prefix = common_prefix(names, 'text_model.')
  heads = {'pooler_output': Pooled(pool=_text_pool(t))}
  return Architecture(
    model=alone('text', _text_encoder(t), heads),
    rows=_text_rows(t, prefix, 'heads_pooler_output/pool/dense'),
    inputs=text_inputs(t),
    name_outputs=single_outputs,
    text=_text_processor(t),
    ignore=IGNORE,
  )


def image_processor(config: Mapping[str, Any]) -> ImageProcessor:
  """What transformers does where the folder does not say."""
  own = config.get('vision_config', config)
  size = Settings(own, VISION).image_size
  return ImageProcessor(size=(size, size), square=False)


def _classifier(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """A classifier on the mean of the patches; the pooling is in the file."""
  v = Settings(config.get('vision_config', {}), VISION)
  classes = len(config.get('id2label', {0: 0, 1: 1}))
  head = Head(classes=classes, norm=False, pool=MeanPool())
  rows = dense('classifier', 'heads_logits/logits')
  return _of_pictures(v, names, image, {'logits': head}, rows)


def _of_pictures(
  v: Settings,
  names: Sequence[str],
  image: ImageProcessor,
  heads: Mapping[str, Any],
  rows: Sequence[Row],
) -> Architecture:
  prefix = common_prefix(names, 'vision_model.')
  rows = [*rows, *_image_rows(v, prefix)]
  if f'{prefix}head.probe' in names:
    heads = {**heads, 'pooler_output': Pooled(pool=_image_pool(v))}
    rows += _pool_rows(v, prefix, 'heads_pooler_output/pool/')
  return Architecture(
    model=alone('image', _image_encoder(v, image), heads),
    rows=rows,
    inputs=image_inputs(v),
    name_outputs=single_outputs,
    image=image,
    ignore=IGNORE,
  )


def _image_encoder(v: Settings, image: ImageProcessor) -> ViT:
  return ViT(
    **v.transformer(),
    patch_size=v.patch_size,
    rest='drop',
    mean=image.mean,
    std=image.std,
  )


def _text_encoder(t: Settings) -> TextTransformer:
  return TextTransformer(
    **t.transformer(),
    embed=ByteEmbedding(vocabulary=t.vocab_size),
    positions=LearnedPositions(length=t.max_position_embeddings),
  )


def _image_pool(v: Settings) -> AttentionPool:
  return AttentionPool(
    heads=v.num_attention_heads,
    mlp_ratio=v.intermediate_size / v.hidden_size,
    style=v.style(),
  )


def _text_pool(t: Settings) -> DensePool:
  width = t.projection_size or t.hidden_size
  return DensePool(pool=LastToken(), width=width, activation=None)


def _text_processor(t: Settings) -> TextProcessor:
  return TextProcessor(
    length=t.max_position_embeddings,
    pad=_PAD,
    padding='max_length',
    attend_padding=True,
  )


def _image_rows(v: Settings, prefix: str) -> list[Row]:
  p = v.patch_size
  grid = {'h': v.image_size // p, 'w': v.image_size // p}
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
    *under(prefix, 'encoders_image/', rows),
    *blocks(prefix, 'encoders_image', v),
  ]


def _pool_rows(v: Settings, prefix: str, path: str) -> list[Row]:
  rows = [
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
  return under(f'{prefix}head.', path, rows)


def _text_rows(t: Settings, prefix: str, pool: str) -> list[Row]:
  rows = [
    Row('embeddings.token_embedding.weight', 'embed/table'),
    Row('embeddings.position_embedding.weight', 'positions/table'),
    *norm('final_layer_norm', 'transformer/norm'),
  ]
  return [
    *under(prefix, 'encoders_text/', rows),
    *dense(f'{prefix}head', pool),
    *blocks(prefix, 'encoders_text', t),
  ]
