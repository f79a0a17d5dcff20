"""CLIP: steps of training, and embeddings of pictures and texts."""

from typing import Any, NamedTuple

import numpy as np

from peer_work.work import Work, generator


class Shape(NamedTuple):
  """Of both towers, and of a batch."""

  batch: int = 16
  width: int = 384
  depth: int = 6
  heads: int = 6
  patch: int = 16
  text_width: int = 384
  text_depth: int = 6
  text_heads: int = 6
  pixels: int = 224
  tokens: int = 77
  vocabulary: int = 49_408
  space: int = 256

  @property
  def config(self) -> dict[str, Any]:
    """As in a checkpoint's `config.json`."""
    return {
      'model_type': 'clip',
      'architectures': ['CLIPModel'],
      'projection_dim': self.space,
      'vision_config': {
        'hidden_size': self.width,
        'num_hidden_layers': self.depth,
        'num_attention_heads': self.heads,
        'intermediate_size': 4 * self.width,
        'patch_size': self.patch,
        'image_size': self.pixels,
      },
      'text_config': {
        'hidden_size': self.text_width,
        'num_hidden_layers': self.text_depth,
        'num_attention_heads': self.text_heads,
        'intermediate_size': 4 * self.text_width,
        'vocab_size': self.vocabulary,
        'max_position_embeddings': self.tokens,
        'eos_token_id': self.vocabulary - 1,
        'bos_token_id': self.vocabulary - 2,
        'pad_token_id': self.vocabulary - 1,
      },
    }

  def inputs(self) -> tuple[np.ndarray, np.ndarray]:
    """Pictures `[b h w c]` and ids `[b t]` of random length."""
    rng = generator()
    size = (self.batch, self.pixels, self.pixels, 3)
    image = rng.normal(size=size).astype(np.float32)
    end = self.vocabulary - 1
    text = rng.integers(1, end - 1, size=(self.batch, self.tokens))
    lengths = rng.integers(self.tokens // 4, self.tokens, size=self.batch)
    text[np.arange(self.tokens) >= lengths[:, None]] = end
    return image, text.astype(np.int32)

  def flops(self, *, pictures: bool = True, texts: bool = True) -> float:
    """Of the matrix products of a forward pass."""
    patches = (self.pixels // self.patch) ** 2
    tower = _tower(self.width, self.depth, patches + 1)
    image = tower + 2 * patches * self.width * self.patch**2 * 3
    text = _tower(self.text_width, self.text_depth, self.tokens)
    return self.batch * (pictures * image + texts * text)


SMALL = Shape()
BASE = Shape(
  batch=16,
  width=768,
  depth=12,
  heads=12,
  patch=32,
  text_width=512,
  text_depth=12,
  text_heads=8,
  space=512,
)


def ours_training(shape: Shape) -> Work:
  """mmjax's step."""
  import jax
  import jax.numpy as jnp

  from mmjax.objectives import Contrastive
  from mmjax.train.optimizer import AdamW
  from mmjax.train.state import make_init
  from mmjax.train.step import make_train_step

  model, batch = _ours(shape)
  rows = shape.batch
  batch = {
    **batch,
    'weight': jnp.ones(rows),
    'index': jnp.arange(rows),
  }
  tx = AdamW(peak_lr=1e-4, b2=0.98, clip_norm=None).build(1000)
  state = jax.jit(make_init(model, tx))(jax.random.key(0), batch)
  step = make_train_step(
    model, {'pairs': Contrastive(pairs=(('image', 'text'),))}, tx
  )
  step = jax.jit(step, donate_argnums=0)
  key = jax.random.key(1)

  def run():
    nonlocal state
    state, metrics = step(state, batch, key)
    return jax.block_until_ready(metrics['loss'])

  return Work(run, 3 * shape.flops(), rows, 'pairs')


def theirs_training(shape: Shape, *, compiled: bool = False) -> Work:
  """That of transformers."""
  import torch

  model, image, text = _theirs(shape)
  optimizer = torch.optim.AdamW(
    model.parameters(),
    lr=1e-4,
    betas=(0.9, 0.98),
    weight_decay=0.01,
    fused=True,
  )

  def loss():
    return model(input_ids=text, pixel_values=image, return_loss=True).loss

  forward = torch.compile(loss) if compiled else loss

  def run():
    optimizer.zero_grad(set_to_none=True)
    found = forward()
    found.backward()
    optimizer.step()
    return found.item()

  return Work(run, 3 * shape.flops(), shape.batch, 'pairs')


def ours_embedding(shape: Shape, tower: str) -> Work:
  """mmjax's embeddings of pictures or of texts."""
  import jax

  model, batch = _ours(shape, (tower,))
  variables = jax.jit(model.init)(jax.random.key(0), batch)
  embed = jax.jit(lambda v, b: model.apply(v, b)['embeddings'])
  flops = shape.flops(pictures=tower == 'image', texts=tower == 'text')

  def run():
    return jax.block_until_ready(embed(variables, batch))

  return Work(run, flops, shape.batch, f'{tower}s')


def theirs_embedding(
  shape: Shape, tower: str, *, compiled: bool = False
) -> Work:
  """Those of transformers."""
  import torch

  model, image, text = _theirs(shape)
  model.eval()

  def embed():
    if tower == 'image':
      return model.get_image_features(pixel_values=image)
    return model.get_text_features(input_ids=text)

  flops = shape.flops(pictures=tower == 'image', texts=tower == 'text')
  forward = torch.compile(embed) if compiled else embed

  def run():
    with torch.inference_mode():
      return forward()

  return Work(run, flops, shape.batch, f'{tower}s')


def _tower(width: int, depth: int, tokens: int) -> float:
  return depth * tokens * (24 * width**2 + 4 * width * tokens)


def _ours(shape: Shape, towers: tuple[str, ...] = ('image', 'text')):

  import jax.numpy as jnp

  from mmjax.pretrained import clip
  from mmjax.pretrained.images import ImageProcessor

  made = clip.clip(shape.config, [], ImageProcessor())
  model: Any = made.model
  image, text = shape.inputs()
  batch: dict[str, Any] = {
    'image': jnp.asarray(image),
    'text': jnp.asarray(text),
  }
  mask = {
    'image': jnp.ones(shape.batch, bool),
    'text': jnp.ones(text.shape, bool),
  }
  if len(towers) == 1:
    alignment = model.alignment.copy(
      pools={name: model.alignment.pools[name] for name in towers}
    )
    model = model.copy(
      encoders={name: model.encoders[name] for name in towers},
      alignment=alignment,
    )
  batch = {name: batch[name] for name in towers}
  return model, {**batch, 'mask': {name: mask[name] for name in towers}}


def _theirs(shape: Shape):
  import torch
  import transformers

  torch.manual_seed(0)
  config = transformers.CLIPConfig(**shape.config)
  config._attn_implementation = 'sdpa'
  model = transformers.CLIPModel(config).train()
  image, text = shape.inputs()
  image = np.ascontiguousarray(image.transpose(0, 3, 1, 2))
  return model, torch.tensor(image), torch.tensor(text, dtype=torch.long)
