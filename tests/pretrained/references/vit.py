from transformers import ViTConfig, ViTForImageClassification, ViTModel

from tests.pretrained.references.case import (
  IMAGE,
  PATCH,
  Case,
  pictures,
  plain,
  randomize,
)

SIZES = (
  {'hidden_size': 24, 'num_attention_heads': 3, 'intermediate_size': 37},
  {
    'hidden_size': 20,
    'num_attention_heads': 5,
    'intermediate_size': 33,
    'qkv_bias': False,
    'hidden_act': 'gelu_new',
  },
)


def _case(kind, which, *names):
  config = ViTConfig(
    **SIZES[which],
    num_hidden_layers=2,
    image_size=IMAGE,
    patch_size=PATCH,
    num_labels=5,
  )
  image, here, pixels = pictures(which)
  return Case(
    randomize(kind(config), which),
    {'image': image, 'mask': {'image': here}},
    {'pixel_values': pixels},
    plain(*names),
  )


CASES = {
  'vit': lambda i: _case(ViTModel, i, 'last_hidden_state', 'pooler_output'),
  'vit_classifier': lambda i: _case(ViTForImageClassification, i, 'logits'),
}
