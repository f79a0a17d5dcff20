import transformers as hf

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
    'pooler_output_size': 13,
    'pooler_act': 'relu',
  },
)


def _case(kind, which, *names):
  config = hf.DeiTConfig(
    **SIZES[which],
    num_hidden_layers=2,
    image_size=IMAGE,
    patch_size=PATCH,
    num_labels=5,
  )
  image, here, pixels = pictures(which)
  return Case(
    randomize(getattr(hf, f'DeiT{kind}')(config), which),
    {'image': image, 'mask': {'image': here}},
    {'pixel_values': pixels},
    plain(*names),
  )


CLASSIFIER = 'ForImageClassification'
CASES = {
  'deit': lambda i: _case('Model', i, 'last_hidden_state', 'pooler_output'),
  'deit_classifier': lambda i: _case(CLASSIFIER, i, 'logits'),
  'deit_teacher': lambda i: _case(
    f'{CLASSIFIER}WithTeacher',
    i,
    'logits',
    'cls_logits',
    'distillation_logits',
  ),
}
