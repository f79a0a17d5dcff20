"""Segmentation: which pixels of a scene show what, by a U-Net.

Generated scenes of Tux Paint's stamps, those of the test never seen in
training; needs the Debian package tuxpaint-stamps-default.
"""

from mmjax.data.datasets.scenes import Scenes
from mmjax.data.transforms import ColorJitter
from mmjax.encoders.unet import UNet
from mmjax.evaluators.segmentation import Segmentation as Segments
from mmjax.fusion.only import Only
from mmjax.models.fused import Fused
from mmjax.models.pixel_head import PixelHead
from mmjax.objectives.segmentation import Segmentation
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  jitter = ColorJitter(brightness=0.2, contrast=0.2, saturation=0.3, hue=0.05)
  data = Scenes(augment=(jitter,))
  return Config(
    data=data,
    model=Fused(
      encoders={'image': UNet(widths=(24, 48, 96, 128))},
      fusion=Only(modality='image'),
      # The ground, and each category.
      heads={
        'segments': PixelHead(classes=1 + len(data.categories), patch_size=4)
      },
    ),
    objectives={'segment': Segmentation()},
    evaluators={'segments': Segments()},
    optimizer=AdamW(peak_lr=3e-3, weight_decay=0.05),
    batch_size=32,
    steps=1000,
    checkpoint=Checkpointing(every=1000, best='segments/miou'),
  )
