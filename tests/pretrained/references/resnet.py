import transformers as hf

from mmjax.layers.pixels import IMAGENET_MEAN, IMAGENET_STD
from tests.pretrained.references.case import Case, pictures, plain, randomize

SIZES = (
  {'layer_type': 'basic', 'hidden_sizes': [6, 12, 24], 'depths': [2, 1, 2]},
  {'layer_type': 'bottleneck', 'hidden_sizes': [24, 48], 'depths': [1, 2]},
)


def _case(kind, which, *names):
  config = hf.ResNetConfig(**SIZES[which], embedding_size=6, num_labels=5)
  image, here, pixels = pictures(
    which, size=(45, 51)[which], mean=IMAGENET_MEAN, std=IMAGENET_STD
  )
  return Case(
    randomize(kind(config), which),
    {'image': image, 'mask': {'image': here}},
    {'pixel_values': pixels},
    plain(*names),
  )


CASES = {
  'resnet': lambda i: _case(
    hf.ResNetModel, i, 'last_hidden_state', 'pooler_output'
  ),
  'resnet_classifier': lambda i: _case(
    hf.ResNetForImageClassification, i, 'logits'
  ),
}
