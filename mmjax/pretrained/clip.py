"""CLIP of transformers: `CLIPModel`.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/clip/modeling_clip.py
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmjax.layers import LastToken
from mmjax.models import Aligned, Alignment
from mmjax.pretrained import clip_towers
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  pair_outputs,
)
from mmjax.pretrained.clip_towers import TEXT, VISION
from mmjax.pretrained.images import CLIP_MEAN, CLIP_STD, ImageProcessor
from mmjax.pretrained.table import Row, dense

MEAN, STD = CLIP_MEAN, CLIP_STD


def clip(
  config: Mapping[str, Any], names: Sequence[str], image: ImageProcessor
) -> Architecture:
  """The architecture of a CLIP.

  Args:
    config: the checkpoint's `config.json`.
    names: of its tensors.
    image: what its preprocessor says.
  """
  if 'classifier.weight' in names:
    return clip_towers.classifier(config, image)
  top = Settings(config, {'projection_dim': 512})
  v = Settings(config.get('vision_config', {}), VISION)
  t = Settings(config.get('text_config', {}), TEXT)
  alignment = Alignment(
    pools={'image': clip_towers.image_pool(v), 'text': LastToken()},
    width=top.projection_dim,
    bias=None,
    max_scale=float('inf'),
  )
  rows = [
    *clip_towers.vision_rows(
      v, 'vision_model.', norm_path='alignment/pools_image/layers_1'
    ),
    *clip_towers.text_rows(t, 'text_model.'),
    *dense('visual_projection', 'alignment/image_projection', bias=False),
    *dense('text_projection', 'alignment/text_projection', bias=False),
    Row('logit_scale', 'alignment/log_scale'),
  ]
  return Architecture(
    model=Aligned(
      encoders={
        'image': clip_towers.vision_encoder(v, image),
        'text': clip_towers.text_encoder(t),
      },
      alignment=alignment,
    ),
    rows=rows,
    inputs={**clip_towers.image_inputs(v), **clip_towers.text_inputs(t)},
    name_outputs=pair_outputs,
    image=image,
    text=clip_towers.text_processor(t),
    ignore=clip_towers.IGNORE,
  )


def image_processor(config: Mapping[str, Any]) -> ImageProcessor:
  """What transformers does where the folder does not say."""
  own = config.get('vision_config', config)
  size = Settings(own, VISION).image_size
  return ImageProcessor(
    size=size, crop=(size, size), mean=MEAN, std=STD, square=False
  )
