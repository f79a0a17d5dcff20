"""Tokens a second: with a cache and without, and beside transformers.

A random model of the shape of Whisper-tiny writes 64 tokens for each of 8
sounds, mmjax and transformers in turns (which is left out where it is not
installed), with and without compiling. Then a language model of its decoder's
depth writes 128 tokens for 2 prompts with a cache, and by running over the
whole text for each token.

  python benchmarks/decoding.py [--turns 5]
"""

import argparse
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mmjax import pretrained
from mmjax.decoders import Greedy, make_generate
from mmjax.encoders import TextTransformer
from mmjax.layers import ByteEmbedding, LearnedPositions
from mmjax.models import LanguageModel
from mmjax.paths import named_leaves
from mmjax.pretrained import whisper
from mmjax.pretrained.folder import write_folder
from mmjax.pretrained.table import export_rows
from mmjax.pretrained.transcribe import Given

ROWS, TOKENS, START = 8, 64, 50258
FEW, LONG = 2, 128
SAID = {'decoder_start_token_id': START, 'pad_token_id': 0, 'bos_token_id': 0}


def main() -> None:
  """Measures and prints."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--turns', type=int, default=5)
  turns = parser.parse_args().turns
  with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    write_whisper(folder)
    loaded = pretrained.load(folder)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(ROWS, 3000, 80)).astype(np.float32)
    run = run_ours(loaded, features)
    compiling, runs = _seconds(run), {'mmjax': run}
    if importlib.util.find_spec('transformers'):
      runs['transformers'] = run_theirs(folder, features)
    seconds = _measure(runs, turns)
  cached, uncached = _two_ways()
  seconds |= _measure({'cached': cached, 'uncached': uncached}, turns)
  rates = {
    name: (ROWS * TOKENS if name in runs else FEW * LONG) / found
    for name, found in seconds.items()
  }
  first = ROWS * TOKENS / compiling
  print('| | tokens/s |\n|---|---|')
  print(
    f'| Whisper-tiny, {ROWS} sounds, {TOKENS} tokens | {rates["mmjax"]:.0f} |'
  )
  print(f'| the same, compiling first | {first:.0f} |')
  if 'transformers' in rates:
    print(f'| transformers, the same | {rates["transformers"]:.0f} |')
  print(
    f'| language model, {FEW} prompts, {LONG} tokens | {rates["cached"]:.0f} |'
  )
  print(f'| the same without a cache | {rates["uncached"]:.0f} |')
  found = {f'tokens_per_second_{k}': round(v, 1) for k, v in rates.items()}
  found['tokens_per_second_compiling'] = round(first, 1)
  found['cache_speedup'] = round(rates['cached'] / rates['uncached'], 2)
  if 'transformers' in rates:
    ratio = rates['mmjax'] / rates['transformers']
    found['over_transformers'] = round(ratio, 2)
  print(json.dumps(found))


def write_whisper(folder: Path) -> None:
  """A random Whisper-tiny that never ends a text."""
  config = {
    **whisper.DEFAULTS,
    **SAID,
    'model_type': 'whisper',
    'architectures': ['WhisperForConditionalGeneration'],
    'eos_token_id': None,
    'begin_suppress_tokens': None,
  }
  made = whisper.whisper(
    config, ['model.encoder.conv1.weight'], whisper.SpeechProcessor()
  )
  batch: dict[str, Any] = {
    'audio': jnp.zeros((1, 480_000)),
    'text': jnp.zeros((1, 1), jnp.int32),
    'mask': {
      'audio': jnp.ones((1, 480_000), bool),
      'text': jnp.ones((1, 1), bool),
    },
  }
  shapes = jax.eval_shape(made.model.init, jax.random.key(0), batch)
  rng = np.random.default_rng(0)
  tree = jax.tree.map(
    lambda s: (rng.normal(size=s.shape) * 0.05).astype(np.float32), dict(shapes)
  )
  params = tree.pop('params')
  tensors = export_rows(made.rows, named_leaves({**params, **tree}))
  write_folder(folder, config, tensors)
  said = json.dumps({**SAID, 'max_length': 448})
  (folder / 'generation_config.json').write_text(said)


def _listening(loaded: Any) -> Any:
  """The model for spectrograms, as transformers gets them."""
  encoder = loaded.model.encoders['audio'].copy(spectrogram=Given())
  return loaded.model.copy(encoders={'audio': encoder})


def _batch(features: np.ndarray) -> dict[str, Any]:
  here = np.ones(features.shape[:2], bool)
  return {'audio': features, 'mask': {'audio': here}}


def run_ours(loaded: Any, features: np.ndarray) -> Callable:
  """Greedy decoding of mmjax with a cache; compiled when it first runs."""
  write = make_generate(_listening(loaded), Greedy(length=TOKENS))
  prompt = np.full((ROWS, 1), START, np.int32)

  def run():
    found = write(loaded.variables, prompt, prompt > 0, batch=_batch(features))
    jax.block_until_ready(found.tokens)

  return run


def run_theirs(folder: Path, features: np.ndarray) -> Callable:
  """`generate` of transformers."""
  import torch
  import transformers

  transformers.logging.set_verbosity_error()
  kind = transformers.WhisperForConditionalGeneration
  model = kind.from_pretrained(folder).eval()
  given = torch.tensor(features.transpose(0, 2, 1).copy())

  def run():
    with torch.no_grad():
      found = model.generate(given, max_new_tokens=TOKENS, do_sample=False)
    assert found.shape[1] >= TOKENS

  return run


def _two_ways() -> tuple[Callable, Callable]:
  """A language model with a cache and without."""
  model = LanguageModel(
    encoders={
      'text': TextTransformer(
        width=256,
        depth=4,
        heads=4,
        causal=True,
        embed=ByteEmbedding(vocabulary=8_000),
        positions=LearnedPositions(length=LONG + 1),
      )
    }
  )
  prompt = jnp.array([[3], [4]], jnp.int32)
  whole = jnp.zeros((FEW, LONG + 1), jnp.int32).at[:, :1].set(prompt)
  real = jnp.ones(whole.shape, bool)
  batch = {'text': whole, 'mask': {'text': real}}
  variables = jax.jit(model.init)(jax.random.key(0), batch)
  write = make_generate(model, Greedy(length=LONG))

  @jax.jit
  def again(variables, whole):
    def once(i, text):
      given = {'text': text, 'mask': {'text': real}}
      logits: Any = model.apply(variables, given)
      logits = logits['logits']['logits']
      last = jax.lax.dynamic_index_in_dim(logits, i, axis=1, keepdims=False)
      return text.at[:, i + 1].set(jnp.argmax(last, axis=-1))

    return jax.lax.fori_loop(0, LONG, once, whole)[:, 1:]

  def cached():
    return jax.block_until_ready(write(variables, prompt, prompt > 0).tokens)

  def uncached():
    return jax.block_until_ready(again(variables, whole))

  assert (np.asarray(cached()) == np.asarray(uncached())).mean() > 0.9
  return cached, uncached


def _measure(runs: dict[str, Callable], turns: int) -> dict[str, float]:
  """Median seconds of each, in turns; the first one does not count."""
  times: dict[str, list[float]] = {name: [] for name in runs}
  for turn in range(turns + 1):
    for name, run in runs.items():
      found = _seconds(run)
      if turn:
        times[name].append(found)
  return {name: statistics.median(found) for name, found in times.items()}


def _seconds(run: Callable) -> float:
  start = time.perf_counter()
  run()
  return time.perf_counter() - start


if __name__ == '__main__':
  main()
