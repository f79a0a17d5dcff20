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

SIZES = ((24, 3, 37), (20, 5, 33))
OUTPUTS = plain('image_embeds', 'text_embeds', 'logits_per_image') | {
  f'{name}_hidden_state': lambda found, part=part: (
    found[f'{part}_model_output'].last_hidden_state
  )
  for name, part in (('image', 'vision'), ('text', 'text'))
}


def _configs(i, **common):
  width, heads, hidden = SIZES[i]
  tower = {
    'hidden_size': width,
    'num_attention_heads': heads,
    'intermediate_size': hidden,
    'num_hidden_layers': 2,
    **common,
  }
  return (
    {**tower, 'vocab_size': 99, 'max_position_embeddings': 12},
    {**tower, 'image_size': IMAGE, 'patch_size': PATCH},
  )


def _clip(i):
  """Ends of text: the largest id, as in OpenAI's, and an id of its own."""
  end = (2, 98)[i]
  text, vision = _configs(
    i, projection_dim=16, hidden_act=('quick_gelu', 'gelu')[i]
  )
  config = hf.CLIPConfig(
    text_config={**text, 'eos_token_id': end},
    vision_config=vision,
    projection_dim=16,
  )
  image, here, pixels = pictures(i, mean=MEAN, std=STD)
  ids, mask, input_ids, attention_mask = texts(i)
  if end == 98:
    last = mask.sum(axis=1) - 1
    ids[np.arange(3), last] = 98
    input_ids[np.arange(3), last] = 98
  else:
    # What stands behind the largest id is not looked at.
    mask = np.arange(12)[None] <= ids.argmax(axis=1)[:, None]
  return Case(
    randomize(hf.CLIPModel(config), i),
    {'image': image, 'text': ids, 'mask': {'image': here, 'text': mask}},
    {
      'pixel_values': pixels,
      'input_ids': input_ids,
      'attention_mask': attention_mask,
    },
    OUTPUTS,
    {'text_hidden_state': mask},
  )


def _siglip(i):
  text, vision = _configs(i)
  image, here, pixels = pictures(i)
  # The padding is text like any other.
  ids, mask, input_ids, _ = texts(i)
  mask = np.ones_like(mask)
  config = hf.SiglipConfig(text_config=text, vision_config=vision)
  return Case(
    randomize(hf.SiglipModel(config), i),
    {'image': image, 'text': ids, 'mask': {'image': here, 'text': mask}},
    {'pixel_values': pixels, 'input_ids': input_ids},
    OUTPUTS,
  )


CASES = {'clip': _clip, 'siglip': _siglip}
