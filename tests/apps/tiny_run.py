"""The workdir of a run that was never trained: towers and a transcript."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mmjax.apps.opening import open_checkpoint
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import Checkpointing, load_config
from mmjax.train.plain import to_json
from mmjax.train.state import TrainState
from tests.data.sources import same_data

CONFIG = """
from mmjax.data.sources import Records
from mmjax.decoders.ctc import CtcGreedy
from mmjax.encoders import AudioSpectrogramTransformer, TextTransformer, ViT
from mmjax.evaluators.generation import Generation
from mmjax.fusion import Concat
from mmjax.layers import LogMel, MeanPool
from mmjax.models import Alignment, Fused
from mmjax.models.heads import Head, TokenHead
from mmjax.objectives.contrastive import Contrastive
from mmjax.objectives.supervised import Classification
from mmjax.train.config import Config

POOLS = {'image': MeanPool(), 'text': MeanPool(), 'audio': MeanPool()}
SMALL = {'width': 8, 'depth': 0, 'heads': 2}


def get_config(*, data=Records(image_size=8, text_length=16,
                               audio_seconds=0.1)):
  data = data.resolved()
  return Config(
    data=data,
    model=Fused(
      encoders={
        'image': ViT(patch_size=4, **SMALL),
        'text': TextTransformer(**SMALL),
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(hop=160), patch_size=(2, 64), **SMALL
        ),
      },
      fusion=Concat(pools=POOLS, width=8),
      heads={'label': Head(classes=len(data.labels))},
      modality_heads={'audio': {'transcript': TokenHead(classes=260, blank=0)}},
      alignment=Alignment(pools=POOLS, width=8),
    ),
    objectives={
      'classify': Classification(),
      'align': Contrastive(pairs=(('image', 'text'),)),
    },
    evaluators={'transcript': Generation(decode=CtcGreedy())},
  )
"""
LABELS = sorted(same_data.CLASSES)


def make(
  workdir: Path,
  *,
  seed: int = 0,
  text: str = CONFIG,
  blank: Any = None,
  scale: float = 0.3,
) -> Path:
  """Writes it, with the text of its config; its data is not there.

  The parameters are those for `blank`, a batch of all modalities if None; the
  larger their scale, the more a model heeds what it is given.
  """
  workdir.mkdir(parents=True)
  (workdir / 'config.py').write_text(text)
  argv = ['--config', 'gone.py', '--workdir', 'gone', '--data.root', 'gone']
  (workdir / 'argv.json').write_text(json.dumps(argv))
  known = ['--data.labels', *LABELS, '--data.modalities', 'image', 'text']
  config = load_config(workdir / 'config.py', [*argv[4:], *known, 'audio'])
  (workdir / 'config.json').write_text(json.dumps(to_json(config)))
  blank = blank or {
    'image': jnp.zeros((1, 8, 8, 3), jnp.uint8),
    'text': jnp.zeros((1, 16), jnp.int32),
    'audio': jnp.zeros((1, 1600)),
    'mask': {
      'image': jnp.ones(1, bool),
      'text': jnp.ones((1, 16), bool),
      'audio': jnp.ones((1, 1600), bool),
    },
  }
  shapes = jax.eval_shape(config.model.init, jax.random.key(0), blank)
  rng = np.random.default_rng(seed)
  params = jax.tree.map(
    lambda s: jnp.asarray(rng.normal(size=s.shape) * scale, s.dtype),
    shapes['params'],
  )
  state = TrainState(jnp.int32(1), params, (), None, {})
  options = Checkpointing(every=1, best=None)
  with Checkpoints(workdir / 'checkpoints', options) as checkpoints:
    checkpoints.save(state, step=1, meta={'step': 1}, numbers={})
  return workdir


def opened(workdir: Path):
  return open_checkpoint(make(workdir), batch_size=4)
