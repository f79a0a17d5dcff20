"""Open vocabulary: where in a scene is what a phrase names?

Generated scenes of coloured shapes and Tux Paint's stamps; half of the things
of the test have a colour and a kind that training never had together. Needs the
Debian package tuxpaint-stamps-default and the extra `detection`.
"""

from mmjax.data.datasets import tinted_things
from mmjax.data.datasets.tinted import Tinted
from mmjax.encoders.bag import BagOfVectors
from mmjax.encoders.unet import UNet
from mmjax.evaluators.open_detection import OpenDetection
from mmjax.layers.pooling import FirstToken
from mmjax.layers.words import WordEmbedding
from mmjax.models.phrase_detector import PhraseDetector
from mmjax.objectives.set_prediction import SetPrediction
from mmjax.train.config import Checkpointing, Config
from mmjax.train.optimizer import AdamW


def get_config() -> Config:
  data = Tinted()
  return Config(
    data=data,
    model=PhraseDetector(
      # A token for each 8 x 8 pixels, and each may answer for one thing.
      image=UNet(widths=(24, 48, 96, 128), up_to=1),
      text=BagOfVectors(
        width=64, embed=WordEmbedding(words=data.words.vocabulary)
      ),
      pool=FirstToken(),
    ),
    objectives={'detect': SetPrediction()},
    evaluators={'phrases': OpenDetection(heard=tinted_things.heard())},
    optimizer=AdamW(peak_lr=2e-3, weight_decay=0.05),
    batch_size=32,
    steps=2000,
    checkpoint=Checkpointing(every=1000, best='phrases/novel_ap50'),
  )
