import numpy as np
import transformers as hf

from mmjax.pretrained.clip import MEAN, STD
from tests.pretrained.references.case import (
  IMAGE,
  PATCH,
  Case,
  pictures,
  plain,
  randomize,
  texts,
)

# Only here: both with heads that are no powers of two.
SIZES = ((24, 3, 37), (20, 5, 33))


def _sizes(i, **changes):
  width, heads, hidden = SIZES[i]
  return {
    'hidden_size': width,
    'num_attention_heads': heads,
    'intermediate_size': hidden,
    'num_hidden_layers': 2,
    **changes,
  }


def _vision(i, **changes):
  return _sizes(i, image_size=IMAGE, patch_size=PATCH, **changes)


def _text(i, **changes):
  return _sizes(i, vocab_size=99, max_position_embeddings=12, **changes)


def _image_case(model, i, names, **values):
  image, here, pixels = pictures(i, **values)
  return Case(
    randomize(model, i),
    {'image': image, 'mask': {'image': here}},
    {'pixel_values': pixels},
    plain(*names),
  )


def _clip_vision(i):
  """With the projection and without."""
  kind = (hf.CLIPVisionModelWithProjection, hf.CLIPVisionModel)[i]
  config = hf.CLIPVisionConfig(
    **_vision(i, projection_dim=16, hidden_act=('quick_gelu', 'gelu')[i])
  )
  names = ('last_hidden_state', ('image_embeds', 'pooler_output')[i])
  return _image_case(kind(config), i, names, mean=MEAN, std=STD)


def _clip_text(i):
  """With the projection and the largest id as the end; and without."""
  kind = (hf.CLIPTextModelWithProjection, hf.CLIPTextModel)[i]
  end = (2, 98)[i]
  config = hf.CLIPTextConfig(
    **_text(i, projection_dim=16, eos_token_id=end, hidden_act='quick_gelu')
  )
  ids, mask, input_ids, attention_mask = texts(i)
  if end == 98:
    last = mask.sum(axis=1) - 1
    ids[np.arange(3), last] = 98
    input_ids[np.arange(3), last] = 98
  else:
    mask = np.arange(12)[None] <= ids.argmax(axis=1)[:, None]
  return Case(
    randomize(kind(config), i),
    {'text': ids, 'mask': {'text': mask}},
    {'input_ids': input_ids, 'attention_mask': attention_mask},
    plain('last_hidden_state', ('text_embeds', 'pooler_output')[i]),
    {'last_hidden_state': mask},
  )


def _siglip_vision(i):
  """With the pooling and without."""
  config = hf.SiglipVisionConfig(**_vision(i), vision_use_head=i == 0)
  names = ('last_hidden_state', 'pooler_output')[: 2 - i]
  return _image_case(hf.SiglipVisionModel(config), i, names)


def _siglip_text(i):
  # The padding is text like any other.
  ids, mask, input_ids, _ = texts(i)
  config = hf.SiglipTextConfig(**_text(i), projection_size=(24, 14)[i])
  return Case(
    randomize(hf.SiglipTextModel(config), i),
    {'text': ids, 'mask': {'text': np.ones_like(mask)}},
    {'input_ids': input_ids},
    plain('last_hidden_state', 'pooler_output'),
  )


def _classifier(name, i, **values):
  config = getattr(hf, f'{name}Config')(
    text_config=_text(i), vision_config=_vision(i), num_labels=3 + 2 * i
  )
  model = getattr(hf, f'{name}ForImageClassification')(config)
  return _image_case(model, i, ('logits',), **values)


CASES = {
  'clip_vision': _clip_vision,
  'clip_text': _clip_text,
  'clip_classifier': lambda i: _classifier('CLIP', i, mean=MEAN, std=STD),
  'siglip_vision': _siglip_vision,
  'siglip_text': _siglip_text,
  'siglip_classifier': lambda i: _classifier('Siglip', i),
}
