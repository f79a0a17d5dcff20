import numpy as np
import torch
import transformers as hf

from tests.pretrained.references.case import (
  IMAGE,
  PATCH,
  Case,
  plain,
  randomize,
)

SIZES = (
  {
    'hidden_size': 24,
    'num_attention_heads': 3,
    'intermediate_size': 37,
    'num_frames': 6,
    'tubelet_size': 2,
  },
  {
    'hidden_size': 20,
    'num_attention_heads': 5,
    'intermediate_size': 33,
    'num_frames': 9,
    'tubelet_size': 3,
    'use_mean_pooling': False,
    'hidden_act': 'gelu_new',
  },
)


def _case(kind, which, *names):
  config = hf.VideoMAEConfig(
    **SIZES[which],
    num_hidden_layers=2,
    image_size=IMAGE,
    patch_size=PATCH,
    num_labels=5,
  )
  frames = config.num_frames
  video = np.random.default_rng(which).integers(
    0, 256, (2, frames, IMAGE, IMAGE, 3)
  )
  pixels = video.transpose(0, 1, 4, 2, 3) / 127.5 - 1
  return Case(
    randomize(kind(config), which),
    {
      'video': video.astype(np.uint8),
      'mask': {'video': np.ones((2, frames), bool)},
    },
    {'pixel_values': torch.tensor(pixels, dtype=torch.float32)},
    plain(*names),
  )


CASES = {
  'videomae': lambda i: _case(hf.VideoMAEModel, i, 'last_hidden_state'),
  'videomae_classifier': lambda i: _case(
    hf.VideoMAEForVideoClassification, i, 'logits'
  ),
}
