"""How long it takes to compile a training step, by depth."""

import functools

from peer_work.work import Work


def ours(depth: int, *, scanned: bool = False) -> Work:
  """A picture tower of mmjax, width 192; one run is one compilation."""
  import jax
  import jax.numpy as jnp

  from mmjax.encoders import ViT
  from mmjax.fusion import Only
  from mmjax.models import Fused
  from mmjax.models.heads import Head
  from mmjax.objectives import Classification
  from mmjax.train.optimizer import AdamW
  from mmjax.train.state import make_init
  from mmjax.train.step import make_train_step

  jax.config.update('jax_enable_compilation_cache', False)
  model = Fused(
    encoders={
      'image': ViT(patch_size=16, width=192, depth=depth, heads=3, scan=scanned)
    },
    fusion=Only(modality='image'),
    heads={'label': Head(classes=10)},
  )
  batch = {
    'image': jnp.zeros((8, 224, 224, 3)),
    'label': jnp.zeros(8, jnp.int32),
    'mask': {'image': jnp.ones(8, bool)},
    'weight': jnp.ones(8),
    'index': jnp.arange(8),
  }
  tx = AdamW().build(100)
  state = jax.eval_shape(make_init(model, tx), jax.random.key(0), batch)
  step = make_train_step(model, {'label': Classification(head='label')}, tx)

  def run():
    # A new function, so that nothing of it is known yet.
    fresh = jax.jit(functools.partial(step))
    return fresh.lower(state, batch, jax.random.key(0)).compile()

  return Work(run)
