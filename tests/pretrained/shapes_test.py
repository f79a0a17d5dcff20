"""Shapes that one block tells are those of the whole model."""

import jax
import jax.numpy as jnp

from mmjax.encoders import (
  ConvNet,
  TextTransformer,
  VideoTransformer,
  ViT,
  WaveformTransformer,
)
from mmjax.fusion import Only
from mmjax.layers import MeanPool, Style
from mmjax.models.fused import Fused
from mmjax.models.heads import Head
from mmjax.pretrained.shapes import variable_shapes

MODEL = Fused(
  encoders={
    'image': ViT(
      width=8, heads=2, depth=3, patch_size=4, style=Style(layer_scale=0.1)
    ),
    'text': TextTransformer(width=8, heads=2, depth=2, scan=True),
    'video': VideoTransformer(width=12, heads=2, depth=2, tubelet=(2, 4)),
    'audio': WaveformTransformer(width=16, heads=2, depth=0),
    'drawing': ConvNet(),
  },
  fusion=Only(modality='image'),
  heads={'logits': Head(classes=3, pool=MeanPool())},
)
INPUTS = {
  'image': jax.ShapeDtypeStruct((1, 8, 8, 3), jnp.float32),
  'text': jax.ShapeDtypeStruct((1, 5), jnp.int32),
  'video': jax.ShapeDtypeStruct((1, 4, 8, 8, 3), jnp.float32),
  'audio': jax.ShapeDtypeStruct((1, 400), jnp.float32),
  'drawing': jax.ShapeDtypeStruct((1, 8, 8, 3), jnp.float32),
}
MASK_AXES = {'image': 1, 'text': 2, 'video': 2, 'audio': 2, 'drawing': 1}


def test_shapes_are_those_of_the_whole_model():
  mask = {
    name: jax.ShapeDtypeStruct(x.shape[: MASK_AXES[name]], jnp.bool_)
    for name, x in INPUTS.items()
  }
  want = jax.eval_shape(MODEL.init, jax.random.key(0), {**INPUTS, 'mask': mask})
  assert 'block_2' in want['params']['encoders_image']['transformer']
  assert variable_shapes(MODEL, INPUTS) == want
