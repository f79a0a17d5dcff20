"""A BERT that embeds texts of many lengths, alike ones together."""

from typing import Any

import numpy as np

from peer_work.work import Work, generator

TEXTS, TOGETHER, LONGEST = 64, 16, 128
WIDTH, DEPTH, VOCABULARY = 768, 12, 30_522


def batches() -> list[list[np.ndarray]]:
  """Ids of texts, sorted by length."""
  rng = generator()
  lengths = np.sort(rng.integers(4, LONGEST + 1, size=TEXTS))
  texts = [rng.integers(1000, VOCABULARY, size=n) for n in lengths]
  return [texts[i : i + TOGETHER] for i in range(0, TEXTS, TOGETHER)]


def ours() -> Work:
  """mmjax's."""
  import jax
  import jax.numpy as jnp

  from mmjax.pretrained import bert
  from mmjax.pretrained.images import ImageProcessor

  made = bert.bert({}, ['pooler.dense.weight'], ImageProcessor())
  model: Any = made.model
  padded = [made.text.stack([x.tolist() for x in some]) for some in batches()]
  given = [
    {'text': jnp.asarray(ids), 'mask': {'text': jnp.asarray(real)}}
    for ids, real in padded
  ]
  variables = jax.jit(model.init)(jax.random.key(0), given[0])
  embed = jax.jit(lambda v, b: model.apply(v, b))

  def run():
    return jax.block_until_ready([embed(variables, one) for one in given])

  return Work(run, _flops(), TEXTS, 'texts')


def theirs(*, compiled: bool = False) -> Work:
  """That of transformers."""
  import torch
  import transformers

  torch.manual_seed(0)
  config = transformers.BertConfig()
  config._attn_implementation = 'sdpa'
  model: Any = transformers.BertModel(config).eval()
  given = []
  for some in batches():
    ids = np.zeros((len(some), max(map(len, some))), np.int64)
    for row, text in zip(ids, some, strict=True):
      row[: len(text)] = text
    real = torch.tensor(ids > 0)
    given.append({'input_ids': torch.tensor(ids), 'attention_mask': real})
  forward = torch.compile(model, dynamic=True) if compiled else model

  def run():
    with torch.inference_mode():
      return [forward(**one).pooler_output for one in given]

  return Work(run, _flops(), TEXTS, 'texts')


def _flops() -> float:
  """Of all products, those of padding included."""
  found = 0.0
  for some in batches():
    n = len(some[-1])
    found += len(some) * n * DEPTH * (24 * WIDTH**2 + 4 * WIDTH * n)
  return found
