import transformers as hf

from mmjax.layers.pixels import IMAGENET_MEAN, IMAGENET_STD
from tests.pretrained.references.case import (
  IMAGE,
  PATCH,
  Case,
  pictures,
  plain,
  randomize,
)

SIZES = (
  {
    'hidden_size': 24,
    'num_attention_heads': 3,
    'mlp_ratio': 3,
    'image_size': IMAGE,
  },
  {
    'hidden_size': 20,
    'num_attention_heads': 5,
    'qkv_bias': False,
    'use_swiglu_ffn': True,
    # Not that of the pictures: positions are resampled.
    'image_size': 31,
  },
)
HIDDEN = ('last_hidden_state', 'pooler_output')


def _case(kind, which, *names, family='Dinov2', **changes):
  config = getattr(hf, f'{family}Config')(
    **SIZES[which],
    **changes,
    num_hidden_layers=2,
    patch_size=PATCH,
    num_labels=5,
  )
  image, here, pixels = pictures(which, mean=IMAGENET_MEAN, std=IMAGENET_STD)
  return Case(
    randomize(getattr(hf, f'{family}{kind}')(config), which),
    {'image': image, 'mask': {'image': here}},
    {'pixel_values': pixels},
    plain(*names),
  )


def _registers(kind, which, *names):
  return _case(
    kind,
    which,
    *names,
    family='Dinov2WithRegisters',
    num_register_tokens=(4, 3)[which],
  )


CLASSIFIER = 'ForImageClassification'
CASES = {
  'dinov2': lambda i: _case('Model', i, *HIDDEN),
  'dinov2_classifier': lambda i: _case(CLASSIFIER, i, 'logits'),
  'dinov2_registers': lambda i: _registers('Model', i, *HIDDEN),
  'dinov2_registers_classifier': lambda i: _registers(CLASSIFIER, i, 'logits'),
}
