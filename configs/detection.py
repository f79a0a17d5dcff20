"""Detection: what is in a scene, and where, as a set of boxes.

Generated scenes of Tux Paint's stamps, those of the test never seen in
training; needs the Debian package tuxpaint-stamps-default and the extra
`detection`.
"""

from mmjax.data.datasets.scenes import Scenes
from mmjax.data.transforms import ColorJitter
from mmjax.encoders.unet import UNet
from mmjax.evaluators.detection import Detection
from mmjax.fusion.only import Only
from mmjax.models.detection_heads import BoxHead, ThingHead
from mmjax.models.fused import Fused
from mmjax.objectives.set_prediction import SetPrediction
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  jitter = ColorJitter(brightness=0.2, contrast=0.2, saturation=0.3, hue=0.05)
  data = Scenes(augment=(jitter,))
  return Config(
    data=data,
    model=Fused(
      # A token for each 8 x 8 pixels, and each may answer for one thing.
      encoders={'image': UNet(widths=(24, 48, 96, 128), up_to=1)},
      fusion=Only(modality='image'),
      heads={
        'boxes': BoxHead(),
        'things': ThingHead(classes=len(data.categories)),
      },
    ),
    objectives={'detect': SetPrediction()},
    evaluators={'things': Detection()},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=32,
    steps=700,
    checkpoint=Checkpointing(every=700, best='things/ap50'),
  )
