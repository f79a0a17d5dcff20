"""Sound: the front ends, and an AST behind one of them."""

from typing import Any, NamedTuple

import numpy as np

from peer_work.work import Work, generator

RATE, SECONDS = 16_000, 10
FRAMES, MELS = 1024, 128
WIDTH, DEPTH = 768, 12


def clips(count: int, seconds: int = SECONDS) -> np.ndarray:
  """Noise `[b s]`, as loud as speech."""
  size = (count, RATE * seconds)
  return (0.1 * generator().normal(size=size)).astype(np.float32)


def ours_mel(kind: str, count: int = 8) -> Work:
  """mmjax's Kaldi or Whisper front end, compiled."""
  import jax
  import jax.numpy as jnp

  from mmjax.layers import KaldiMel, WhisperMel

  seconds = SECONDS if kind == 'kaldi' else 30
  front: Any = KaldiMel(length=FRAMES)
  if kind == 'whisper':
    front = WhisperMel(length=RATE * seconds)
  compute = jax.jit(front)
  sound = clips(count, seconds)
  mask = jnp.ones(sound.shape, bool)

  def run():
    return jax.block_until_ready(compute(sound, mask))

  return Work(run, None, count * seconds, 'seconds of sound')


def theirs_mel(kind: str, count: int = 8) -> Work:
  """Feature extractors of transformers."""
  import transformers

  seconds = SECONDS if kind == 'kaldi' else 30
  extract: Any = transformers.ASTFeatureExtractor(max_length=FRAMES)
  if kind == 'whisper':
    extract = transformers.WhisperFeatureExtractor()
  sound = [*clips(count, seconds)]

  def run():
    return extract(sound, sampling_rate=RATE, return_tensors='np')

  return Work(run, None, count * seconds, 'seconds of sound')


def librosa_mel(count: int = 8) -> Work:
  """librosa's, with Whisper's numbers."""
  import librosa

  sound = clips(count, 30)

  def run():
    mel = librosa.feature.melspectrogram(
      y=sound, sr=RATE, n_fft=400, hop_length=160, n_mels=80, fmax=8000.0
    )
    return np.log10(np.maximum(mel, 1e-10))

  return Work(run, None, count * 30, 'seconds of sound')


def ours_ast(count: int = 2) -> Work:
  """mmjax's AST of the size of the published ones."""
  import jax
  import jax.numpy as jnp

  from mmjax.pretrained.audio import AudioProcessor
  from mmjax.pretrained.audio_spectrogram import audio_spectrogram

  made = audio_spectrogram({}, [], AudioProcessor())
  model: Any = made.model
  encoder = model.encoders['audio'].copy(spectrogram=_Given())
  model = model.copy(encoders={'audio': encoder})
  features = _features(count)
  mask = jnp.ones(features.shape[:2], bool)
  batch = {'audio': jnp.asarray(features), 'mask': {'audio': mask}}
  variables = jax.jit(model.init)(jax.random.key(0), batch)
  embed = jax.jit(lambda v, b: model.apply(v, b))

  def run():
    return jax.block_until_ready(embed(variables, batch))

  return Work(run, _ast_flops(count), count * SECONDS, 'seconds of sound')


def theirs_ast(count: int = 2, *, compiled: bool = False) -> Work:
  """That of transformers."""
  import torch
  import transformers

  torch.manual_seed(0)
  config = transformers.ASTConfig()
  config._attn_implementation = 'sdpa'
  model: Any = transformers.ASTModel(config).eval()
  features = torch.tensor(_features(count))
  forward = torch.compile(model) if compiled else model

  def run():
    with torch.inference_mode():
      return forward(features)

  return Work(run, _ast_flops(count), count * SECONDS, 'seconds of sound')


class _Given(NamedTuple):
  """In place of a spectrogram, where that was computed before."""

  mels: int = MELS

  def frames(self, samples: int) -> int:
    """Each of what is given is one."""
    return samples

  def __call__(self, x: Any, mask: Any) -> tuple[Any, Any]:
    return x, mask


def _features(count: int) -> np.ndarray:
  return generator().normal(size=(count, FRAMES, MELS)).astype(np.float32)


def _ast_flops(count: int) -> float:
  tokens = (1 + (FRAMES - 16) // 10) * (1 + (MELS - 16) // 10) + 2
  block = tokens * (24 * WIDTH**2 + 4 * WIDTH * tokens)
  return count * (DEPTH * block + 2 * tokens * WIDTH * 256)
