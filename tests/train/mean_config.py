"""The config of `mean_program.py`, which builds the program without it."""

from mmjax.data.datasets.digits import Digits
from mmjax.train.config import Checkpointing, Config


def get_config() -> Config:
  return Config(
    model=None,
    data=Digits(),
    objectives={},
    evaluators={},
    steps=20,
    batch_size=8,
    log_every=1,
    checkpoint=Checkpointing(every=6, best=None),
  )
