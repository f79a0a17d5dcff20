"""A classifier of real pictures that judges generated ones."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, Int, UInt8

from mmjax.masking import full_precision, masked_mean
from mmjax.types import Batch

_ROWS = 256  # of a batch in judging


class Judged(NamedTuple):
  """What the classifier says about pictures.

  Attributes:
    logits: by class.
    features: what its last layer sees.
  """

  logits: Float[np.ndarray, 'n classes']
  features: Float[np.ndarray, 'n d']

  def right(self, target: Int[np.ndarray, ' n']) -> np.ndarray:
    """Which pictures are taken for what they are meant to be."""
    return self.logits.argmax(axis=1) == target


Judge = Callable[[UInt8[np.ndarray, 'n h w c']], Judged]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureClassifier:
  """A network and how it is trained: by Adam, on real pictures and labels.

  It shares nothing with the model that draws, and the same seed gives the same
  classifier.
  """

  model: Any
  """Linen module of a batch with pictures alone; gives `fused` and `logits`."""
  head: str = 'label'
  """Head whose logits count."""
  modality: str = 'image'
  """What its encoder's pictures are called."""
  steps: int = 600
  """Steps of training."""
  batch_size: int = 128
  """Pictures in a step."""
  peak_lr: float = 2e-3
  """First learning rate; it falls to zero along half a cosine."""
  seed: int = 0
  """Seed of parameters, order and dropout."""

  def fit(
    self,
    pictures: UInt8[np.ndarray, 'n h w c'],
    labels: Int[np.ndarray, ' n'],
  ) -> Judge:
    """Trains a classifier.

    Args:
      pictures: real ones.
      labels: their classes.

    Returns:
      A function of pictures.
    """
    key = jax.random.key(self.seed)
    tx = optax.adam(optax.cosine_decay_schedule(self.peak_lr, self.steps))

    def loss(params, batch, key):
      outputs: Any = self.model.apply(
        {'params': params}, batch, train=True, rngs={'dropout': key}
      )
      logits = outputs['logits'][self.head]
      return optax.softmax_cross_entropy_with_integer_labels(
        logits, batch['label']
      ).mean()

    def step(state, batch, step_number):
      params, opt_state = state
      fold = jax.random.fold_in(key, step_number)
      gradient = jax.grad(loss)(params, batch, fold)
      updates, opt_state = tx.update(gradient, opt_state, params)
      return optax.apply_updates(params, updates), opt_state

    compiled = jax.jit(step, donate_argnums=0)
    first = self._batch(pictures[:1])
    params: Any = jax.jit(self.model.init)(key, first)['params']
    state = params, tx.init(params)
    rng = np.random.default_rng(self.seed)
    order = np.zeros(0, int)
    for i in range(self.steps):
      while order.size < self.batch_size:
        order = np.concatenate([order, rng.permutation(len(pictures))])
      rows, order = order[: self.batch_size], order[self.batch_size :]
      batch = {**self._batch(pictures[rows]), 'label': labels[rows]}
      state = compiled(state, batch, i)
    return self._judge(state[0])

  def _judge(self, params: Any) -> Judge:
    @jax.jit
    def look(batch: Batch):
      outputs: Any = self.model.apply({'params': params}, batch)
      seen = full_precision(masked_mean(*outputs['fused']))
      return outputs['logits'][self.head], seen

    def judge(pictures):
      parts = []
      for start in range(0, len(pictures), _ROWS):
        some = pictures[start : start + _ROWS]
        filled = np.zeros((_ROWS, *some.shape[1:]), np.uint8)
        filled[: len(some)] = some
        parts.append(
          [np.asarray(x)[: len(some)] for x in look(self._batch(filled))]
        )
      logits, features = (np.concatenate(x) for x in zip(*parts, strict=True))
      return Judged(logits, features)

    return judge

  def _batch(self, pictures: np.ndarray) -> dict[str, Any]:
    ones = jnp.ones(len(pictures))
    return {
      self.modality: pictures,
      'mask': {self.modality: ones > 0},
      'weight': ones,
      'index': np.arange(len(pictures), dtype=np.int32),
    }
