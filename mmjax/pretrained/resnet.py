"""ResNet under transformers' names or torchvision's, for classes or alone.

Of torchvision there is a state dict, saved as `model.safetensors`, and a
`config.json` that may hold nothing but `{"model_type": "resnet"}`: depths come
from the names.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/resnet/modeling_resnet.py,
https://github.com/pytorch/vision/blob/main/torchvision/models/resnet.py
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from einops import rearrange

from mmjax.encoders import ResNet
from mmjax.layers import BatchNorm, MeanPool
from mmjax.layers.pixels import IMAGENET_MEAN, IMAGENET_STD
from mmjax.models.heads import Head, Pooled
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  alone,
  common_prefix,
  shape,
)
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.table import Row, dense
from mmjax.types import InputError, Outputs

DEFAULTS = {
  'num_channels': 3,
  'embedding_size': 64,
  'hidden_sizes': (256, 512, 1024, 2048),
  'depths': (3, 4, 6, 3),
  'layer_type': 'bottleneck',
  'hidden_act': 'relu',
  'downsample_in_first_stage': False,
  'downsample_in_bottleneck': False,
}
_IMAGE = 224


def resnet(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a ResNet.

  Args:
    config: the checkpoint's `config.json`.
    names: of its tensors.
    image: what its preprocessor says.
  """
  if 'conv1.weight' in names:
    config = {**_read_torchvision(config, names), **config}
    rows_of, classifier = _torchvision_rows, 'fc'
  else:
    prefix = common_prefix(names, 'resnet.')
    rows_of = functools.partial(_transformers_rows, prefix)
    classifier = 'classifier.1'
  encoder = _encoder(Settings(config, DEFAULTS), image)
  heads: dict[str, Any] = {'pooler_output': Pooled(pool=MeanPool())}
  rows = rows_of(encoder)
  if f'{classifier}.weight' in names:
    classes = config.get('num_labels', 2)
    classes = len(config.get('id2label', range(classes)))
    heads['logits'] = Head(classes=classes, norm=False, pool=MeanPool())
    rows += dense(classifier, 'heads_logits/logits')
  channels = config.get('num_channels', DEFAULTS['num_channels'])
  return Architecture(
    model=alone('image', encoder, heads),
    rows=rows,
    inputs={'image': shape(1, _IMAGE, _IMAGE, channels)},
    name_outputs=functools.partial(_outputs, encoder),
    image=image,
    ignore=(r'num_batches_tracked$',),
  )


def image_processor(config: Mapping[str, Any]) -> ImageProcessor:
  """What the published folders say."""
  del config
  return ImageProcessor(
    size=256, crop=(_IMAGE, _IMAGE), mean=IMAGENET_MEAN, std=IMAGENET_STD
  )


def _encoder(c: Settings, image: ImageProcessor) -> ResNet:
  """Our encoder.

  Raises:
    InputError: the settings are those of no ResNet that is known here.
  """
  bottleneck = c.layer_type == 'bottleneck'
  want = [
    c.embedding_size * 2**i * (4 if bottleneck else 1)
    for i in range(len(c.depths))
  ]
  fixed = {
    'hidden_sizes': want,
    'hidden_act': 'relu',
    'downsample_in_first_stage': False,
    'downsample_in_bottleneck': False,
  }
  for name, known in fixed.items():
    found = getattr(c, name)
    found = list(found) if isinstance(found, tuple) else found
    if found != known:
      raise InputError(f'config.json: {name} is {found}, known is {known}')
  return ResNet(
    layers=tuple(c.depths),
    bottleneck=bottleneck,
    width=c.embedding_size,
    norm=BatchNorm(),
    mean=image.mean,
    std=image.std,
  )


def _read_torchvision(
  config: Mapping[str, Any], names: Sequence[str]
) -> dict[str, Any]:
  """Settings that the names of torchvision's tensors tell."""
  depths: list[int] = []
  while f'layer{len(depths) + 1}.0.conv1.weight' in names:
    first = f'layer{len(depths) + 1}.'
    depths.append(
      sum(n.startswith(first) and n.endswith('.conv1.weight') for n in names)
    )
  bottleneck = 'layer1.0.conv3.weight' in names
  width = config.get('embedding_size', DEFAULTS['embedding_size'])
  width *= 4 if bottleneck else 1
  return {
    'depths': depths,
    'layer_type': 'bottleneck' if bottleneck else 'basic',
    'hidden_sizes': [width * 2**i for i in range(len(depths))],
    'num_labels': 1000,
  }


def _layers(encoder: ResNet) -> list[tuple[int, int, int, bool]]:
  """Stage, block, convolutions and whether it has one beside, from 0."""
  count = 3 if encoder.bottleneck else 2
  return [
    (stage, block, count, not block and (stage > 0 or encoder.bottleneck))
    for stage, blocks in enumerate(encoder.layers)
    for block in range(blocks)
  ]


def _transformers_rows(prefix: str, encoder: ResNet) -> list[Row]:
  def pair(key: str, conv: str, norm: str) -> list[Row]:
    key = f'{prefix}{key}'
    return _conv_norm(f'{key}.convolution', f'{key}.normalization', conv, norm)

  rows = pair('embedder.embedder', 'conv1', 'norm1')
  for stage, block, count, beside in _layers(encoder):
    key = f'encoder.stages.{stage}.layers.{block}'
    path = f'layer{stage + 1}_{block}'
    for i in range(count):
      rows += pair(
        f'{key}.layer.{i}', f'{path}/conv{i + 1}', f'{path}/norm{i + 1}'
      )
    if beside:
      rows += pair(
        f'{key}.shortcut', f'{path}/downsample_conv', f'{path}/downsample_norm'
      )
  return rows


def _torchvision_rows(encoder: ResNet) -> list[Row]:
  rows = _conv_norm('conv1', 'bn1', 'conv1', 'norm1')
  for stage, block, count, beside in _layers(encoder):
    key, path = f'layer{stage + 1}.{block}', f'layer{stage + 1}_{block}'
    for i in range(1, count + 1):
      rows += _conv_norm(
        f'{key}.conv{i}', f'{key}.bn{i}', f'{path}/conv{i}', f'{path}/norm{i}'
      )
    if beside:
      rows += _conv_norm(
        f'{key}.downsample.0',
        f'{key}.downsample.1',
        f'{path}/downsample_conv',
        f'{path}/downsample_norm',
      )
  return rows


def _conv_norm(conv_key: str, norm_key: str, conv: str, norm: str) -> list[Row]:
  conv, norm = f'encoders_image/{conv}', f'encoders_image/{norm}'
  return [
    Row(f'{conv_key}.weight', f'{conv}/kernel', 'd c p q -> p q c d'),
    Row(f'{norm_key}.weight', f'{norm}/scale'),
    Row(f'{norm_key}.bias', f'{norm}/bias'),
    Row(f'{norm_key}.running_mean', f'batch_stats/{norm}/mean'),
    Row(f'{norm_key}.running_var', f'batch_stats/{norm}/var'),
  ]


def _outputs(encoder: ResNet, outputs: Outputs) -> dict[str, Any]:
  """Maps instead of tokens, as transformers has them."""
  h, w = encoder.grid(*outputs['batch']['image'].shape[1:3])
  x = outputs['fused'].x
  found = {'last_hidden_state': rearrange(x, 'b (h w) d -> b d h w', h=h, w=w)}
  logits = dict(outputs['logits'])
  pooled = logits.pop('pooler_output')
  return {**found, 'pooler_output': pooled[:, :, None, None], **logits}
