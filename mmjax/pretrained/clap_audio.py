"""The audio tower of CLAP: HTS-AT, and what it hears.

https://github.com/huggingface/transformers/blob/main/src/transformers/models/clap/feature_extraction_clap.py
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import flax.linen as nn

from mmjax.encoders import HTSAT
from mmjax.layers import AttentionalFusion, BatchNorm, DecibelMel, Style
from mmjax.layers.power import doubled_power
from mmjax.pretrained.architecture import Settings
from mmjax.pretrained.audio import AudioProcessor
from mmjax.pretrained.table import Row, attention, dense, norm, under, unroll
from mmjax.pretrained.vit import biases
from mmjax.types import InputError

DEFAULTS = {
  'window_size': 8,
  'num_mel_bins': 64,
  'spec_size': 256,
  'hidden_act': 'gelu',
  'patch_size': 4,
  'patch_stride': (4, 4),
  'depths': (2, 2, 6, 2),
  'num_attention_heads': (4, 8, 16, 32),
  'enable_fusion': False,
  'fusion_type': None,
  'patch_embed_input_channels': 1,
  'flatten_patch_embeds': True,
  'patch_embeds_hidden_size': 96,
  'enable_patch_layer_norm': True,
  'qkv_bias': True,
  'mlp_ratio': 4.0,
  'aff_block_r': 4,
  'layer_norm_eps': 1e-5,
}
# Other values change the formula, in ways that transformers cannot run either.
_FIXED = {'patch_embed_input_channels': 1, 'flatten_patch_embeds': True}
_FILL: dict[str, Any] = {'repeat': 'repeat', 'repeatpad': 'repeatpad'}
_FILE = 'preprocessor_config.json'


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClapProcessor(AudioProcessor):
  """Resamples as the folder says, and knows the spectrogram that it says.

  Where transformers takes a crop of a longer clip at random, this is the first
  one that it could have taken.
  """

  spectrogram: DecibelMel = DecibelMel(fmin=0.0, power=doubled_power)
  """What the encoder makes of the samples."""

  def read(self, config: Mapping[str, Any]) -> 'ClapProcessor':
    """With what a `preprocessor_config.json` says in place of the defaults.

    Raises:
      InputError: it wants something that is not known here.
    """
    rate = super().read(config).rate
    mel = self.spectrogram
    fused = 'fusion' if mel.views else 'rand_trunc'
    truncation = config.get('truncation', fused)
    if truncation != fused:
      raise InputError(
        f'{_FILE}: truncation is {truncation!r}, of a config.json whose '
        f'enable_fusion is {mel.views} it is {fused!r}'
      )
    bands = config.get('feature_size', mel.mels)
    if bands != mel.mels:
      raise InputError(
        f'{_FILE}: feature_size is {bands}, num_mel_bins of config.json is '
        f'{mel.mels}'
      )
    try:
      mel = dataclasses.replace(
        mel,
        sample_rate=rate,
        n_fft=config.get('fft_window_size', mel.n_fft),
        hop=config.get('hop_length', mel.hop),
        fmin=float(config.get('frequency_min', mel.fmin)),
        fmax=float(config.get('frequency_max', mel.fmax)),
        length=config.get('max_length_s', 10) * rate,
        fill=_FILL.get(config.get('padding', 'repeatpad'), 'pad'),
      )
    except ValueError as error:
      raise InputError(f'{_FILE}: {error}') from error
    made = dataclasses.replace(self, spectrogram=mel).fitted()
    return dataclasses.replace(made, rate=rate)

  def fitted(self) -> 'ClapProcessor':
    """With arrays as long as the spectrogram wants them."""
    samples = self.spectrogram.length
    if self.spectrogram.views:
      return dataclasses.replace(self, shortest=samples)
    return dataclasses.replace(self, length=samples, padding='max_length')


def audio_processor(c: Settings) -> ClapProcessor:
  """What transformers does where the folder does not say."""
  views = bool(c.enable_fusion)
  bank: Literal['htk', 'slaney'] = 'htk' if views else 'slaney'
  mel = DecibelMel(
    mels=c.num_mel_bins,
    fmin=0.0,
    bank=bank,
    views=views,
    power=doubled_power,
  )
  return ClapProcessor(rate=mel.sample_rate, spectrogram=mel).fitted()


def audio_encoder(c: Settings, audio: ClapProcessor) -> HTSAT:
  """The encoder.

  Raises:
    InputError: the settings are those of no CLAP that is known here.
  """
  for name, known in _FIXED.items():
    if getattr(c, name) != known:
      raise InputError(
        f'config.json: {name} is {getattr(c, name)!r}, known is {known!r}'
      )
  if c.enable_fusion and c.fusion_type == 'channel_map':
    raise InputError("config.json: fusion_type 'channel_map' is not known here")
  block_norm = nn.LayerNorm(epsilon=c.layer_norm_eps)
  try:
    return HTSAT(
      width=c.patch_embeds_hidden_size,
      depths=tuple(c.depths),
      heads=tuple(c.num_attention_heads),
      window=c.window_size,
      mlp_ratio=float(c.mlp_ratio),
      style=Style(norm=block_norm, activation=c.activation(), biases=biases(c)),
      patch_norm=c.enable_patch_layer_norm,
      spectrogram=audio.spectrogram,
      size=c.spec_size,
      patch_size=_both(c.patch_size),
      stride=_both(c.patch_stride),
      mel_norm=BatchNorm(),
      fusion=AttentionalFusion(c.aff_block_r) if c.enable_fusion else None,
    )
  except ValueError as error:
    raise InputError(f'config.json: {error}') from error


def audio_rows(c: Settings, prefix: str) -> list[Row]:
  """The encoder's tensors, which have this before their names."""
  table = [
    *_batch_norm('batch_norm', 'mel_norm'),
    *_patches(c, 'patch_embed.proj', 'patches', 1),
    *norm('norm', 'transformer/last_norm'),
  ]
  if c.enable_patch_layer_norm:
    table += norm('patch_embed.norm', 'patches_norm')
  if c.enable_fusion:
    table += _patches(c, 'patch_embed.mel_conv2d', 'crop_patches', 3)
    table += _fusion_rows()
  for stage, depth in enumerate(c.depths):
    rows = under(
      f'layers.{stage}.blocks.{{}}.',
      f'transformer/stage_{stage}_block_{{}}/',
      _block_rows(c, c.num_attention_heads[stage]),
    )
    table += unroll(rows, depth)
    if stage + 1 < len(c.depths):
      there, here = f'layers.{stage}.downsample', f'transformer/merging_{stage}'
      table += norm(f'{there}.norm', f'{here}/places_norm')
      table += dense(f'{there}.reduction', f'{here}/reduction', bias=False)
  return [_with_statistics(row, prefix) for row in table]


def _with_statistics(row: Row, prefix: str) -> Row:
  """The row of the encoder; the path of a statistic begins with its kind."""
  path = f'encoders_audio/{row.path}'
  if row.key.rpartition('.')[-1].startswith('running_'):
    path = f'batch_stats/{path}'
  return row._replace(key=prefix + row.key, path=path)


def _block_rows(c: Settings, heads: int) -> list[Row]:
  sides = 2 * c.window_size - 1
  return [
    Row(
      'attention.self.relative_position_bias_table',
      'positions/table',
      '(h w) k -> h w k',
      {'h': sides, 'w': sides},
    ),
    *norm('layernorm_before', 'attention_norm'),
    *attention(
      'attention',
      heads,
      query='attention.self.query',
      key='attention.self.key',
      value='attention.self.value',
      out='attention.output.dense',
      biases=biases(c),
    ),
    *norm('layernorm_after', 'mlp_norm'),
    *dense('intermediate.dense', 'mlp/up'),
    *dense('output.dense', 'mlp/down'),
  ]


def _fusion_rows() -> list[Row]:
  """Two branches of two layers; there is a mean before the global ones."""
  rows: list[Row] = []
  for branch, first in (('local', 0), ('global', 1)):
    key = f'patch_embed.fusion_model.{branch}_att'
    for i in (0, 1):
      here, there = f'fusion/{branch}', first + 3 * i
      rows += [
        Row(f'{key}.{there}.weight', f'{here}_{i}/kernel', 'e d 1 1 -> d e'),
        Row(f'{key}.{there}.bias', f'{here}_{i}/bias'),
        *_batch_norm(f'{key}.{there + 1}', f'{here}_norm_{i}'),
      ]
  return rows


def _patches(c: Settings, key: str, path: str, times: int) -> list[Row]:
  """Patches that are so many times as long as usual."""
  p, q = _both(c.patch_size)
  kernel = Row(
    f'{key}.weight',
    f'{path}/kernel',
    'd 1 p q -> (p q) d',
    {'p': p, 'q': q * times},
  )
  return [kernel, Row(f'{key}.bias', f'{path}/bias')]


def _batch_norm(key: str, path: str) -> list[Row]:
  return [
    *norm(key, path),
    Row(f'{key}.running_mean', f'{path}/mean'),
    Row(f'{key}.running_var', f'{path}/var'),
  ]


def _both(size: int | Sequence[int]) -> tuple[int, int]:
  if isinstance(size, int):
    return size, size
  height, width = size
  return height, width
