"""Boxes that are scored against phrases: detection of an open vocabulary."""

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.masking import full_precision, where_real
from mmjax.models.detection_heads import BoxHead
from mmjax.types import Batch

_IMPOSSIBLE = -1e9


class PhraseDetector(nn.Module):
  """For each token of a picture a box, and how well each phrase fits it.

  A class is not a row of a dense layer but the embedding of a text, so whatever
  can be written can be asked for: Simple Open-Vocabulary Object Detection
  (OWL-ViT, https://arxiv.org/abs/2205.06230, section 3.1). A phrase fits by the
  cosine of its embedding and the token's, times a learned scale; a shift that
  the token says itself tells whether there is anything at all. Each phrase is
  encoded by itself, so what else is asked for changes no score.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from mmjax.encoders.bag import BagOfVectors
    >>> from mmjax.encoders.unet import UNet
    >>> from mmjax.layers.pooling import MeanPool
    >>> model = PhraseDetector(
    ...     image=UNet(widths=(8, 16), patch_size=8), text=BagOfVectors(),
    ...     pool=MeanPool())
    >>> real = {'image': jnp.ones(2, bool), 'text': jnp.ones((2, 5, 3), bool)}
    >>> batch = {'image': jnp.zeros((2, 32, 32, 3)),
    ...     'text': jnp.ones((2, 5, 3), int), 'mask': real}
    >>> found, _ = model.init_with_output(jax.random.key(0), batch)
    >>> found['logits']['things'].shape
    (2, 16, 5)
  """

  image: nn.Module
  """Encoder of the pictures; its tokens fill the grid of `boxes`."""
  text: nn.Module
  """Encoder of a phrase: BagOfVectors, TextTransformer."""
  pool: Any
  """How the tokens of a phrase become one vector."""
  boxes: nn.Module = BoxHead()
  """`Tokens -> [b n 4]`."""
  width: int = 64
  """Width of the shared space."""
  scale: float = 10.0
  """First value of the learned scale of cosines."""
  max_scale: float = 100.0
  """What the scale never exceeds."""
  prior: float = 0.01
  """Probability of a phrase at first, as in `ThingHead`."""

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Gives `tokens` of the picture, and `logits`: `things` `[b n p]` of each
    phrase, which is impossible where it has no words, and `boxes` `[b n 4]`.

    Args:
      batch: `image` `[b h w c]` and `text` `[b p t]`, with masks `[b]` and
        `[b p t]`.
      train: whether dropout is on.
    """
    seen = self.image(batch['image'], batch['mask']['image'], train=train)
    mask = batch['mask']['text']
    flat = [rearrange(x, 'b p t -> (b p) t') for x in (batch['text'], mask)]
    read = self.pool(self.text(*flat, train=train))
    phrases = rearrange(read, '(b p) d -> b p d', b=len(mask))
    asked = mask.any(axis=-1)
    found = where_real(*seen)
    shift = nn.Dense(
      1,
      kernel_init=nn.initializers.normal(0.01),
      bias_init=nn.initializers.constant(
        math.log(self.prior / (1 - self.prior))
      ),
      name='shift',
    )(found)
    log_scale = self.param(
      'log_scale', nn.initializers.constant(math.log(self.scale)), ()
    )
    scale = jnp.exp(jnp.minimum(log_scale, math.log(self.max_scale)))
    cosine = jnp.einsum(
      'bnd,bpd->bnp',
      self._embed('found', found, seen.mask),
      self._embed('asked', where_real(phrases, asked), asked),
    )
    logits = full_precision(scale) * cosine + full_precision(shift)
    return {
      'tokens': {'image': seen},
      'logits': {
        'things': jnp.where(asked[:, None], logits, _IMPOSSIBLE),
        'boxes': self.boxes(seen, train=train),
      },
    }

  def _embed(
    self, name: str, x: Float[Array, 'b n d'], real: Bool[Array, 'b n']
  ) -> Float[Array, 'b n e']:
    """Unit vectors, zero where nothing is."""
    x = full_precision(nn.Dense(self.width, use_bias=False, name=name)(x))
    # The square root has no gradient at zero.
    norm = jnp.sqrt(jnp.maximum((x**2).sum(-1, keepdims=True), 1e-12))
    return where_real(x / norm, real)
