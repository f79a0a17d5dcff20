"""The architectures, by the `model_type` of config.json."""

from collections.abc import Callable
from typing import Any, NamedTuple

from mmjax.pretrained import (
  audio_spectrogram,
  bert,
  clap,
  clip,
  clip_towers,
  deit,
  dinov2,
  gpt2,
  llama,
  resnet,
  siglip,
  videomae,
  vit,
  wav2vec2,
  whisper,
)
from mmjax.pretrained.architecture import Architecture


class Known(NamedTuple):
  """What builds an architecture.

  Attributes:
    build: `(config, names of tensors, processor) -> Architecture`.
    processor: `config ->` what prepares pictures or sounds where the folder
      does not say how; None if the model takes neither.
  """

  build: Callable[..., Architecture]
  processor: Callable[..., Any] | None = None


KNOWN = {
  'audio-spectrogram-transformer': Known(
    audio_spectrogram.audio_spectrogram, audio_spectrogram.audio_processor
  ),
  'bert': Known(bert.bert),
  'clap': Known(clap.clap, clap.audio_processor),
  'clap_audio_model': Known(clap.audio_model, clap.audio_processor),
  'clap_text_model': Known(clap.text_model),
  'clip': Known(clip.clip, clip.image_processor),
  'clip_text_model': Known(clip_towers.text_model),
  'clip_vision_model': Known(clip_towers.vision_model, clip.image_processor),
  'deit': Known(deit.deit, deit.image_processor),
  'dinov2': Known(dinov2.dinov2, dinov2.image_processor),
  'dinov2_with_registers': Known(dinov2.dinov2, dinov2.image_processor),
  'distilbert': Known(bert.distilbert),
  'gpt2': Known(gpt2.gpt2),
  'hubert': Known(wav2vec2.hubert, wav2vec2.audio_processor),
  'llama': Known(llama.llama),
  'mistral': Known(llama.mistral),
  'qwen2': Known(llama.qwen2),
  'resnet': Known(resnet.resnet, resnet.image_processor),
  'roberta': Known(bert.roberta),
  'siglip': Known(siglip.siglip, siglip.image_processor),
  'siglip_text_model': Known(siglip.text_model),
  'siglip_vision_model': Known(siglip.vision_model, siglip.image_processor),
  'videomae': Known(videomae.videomae, videomae.image_processor),
  'vit': Known(vit.vit, vit.image_processor),
  'wav2vec2': Known(wav2vec2.wav2vec2, wav2vec2.audio_processor),
  'whisper': Known(whisper.whisper, whisper.audio_processor),
}
