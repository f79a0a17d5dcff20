"""Wiring: encoders, fusion and heads as one function of a batch."""

from mmjax.models.aligned import Aligned, Alignment
from mmjax.models.assistant import Assistant
from mmjax.models.copying import Copying
from mmjax.models.fused import Fused
from mmjax.models.generative import Generative
from mmjax.models.heads import Head, OrdinalHead
from mmjax.models.language import LanguageModel
from mmjax.models.lora import LoRA
from mmjax.models.masked import Masked
from mmjax.models.matched import Matched
from mmjax.models.phrase_detector import PhraseDetector
from mmjax.models.pixel_head import PixelHead
from mmjax.models.projectors import LinearProjector, MlpProjector, Resampler
from mmjax.models.recommender import Recommender
from mmjax.models.task_weights import TaskWeights
from mmjax.models.text_to_image import TextToImage
from mmjax.models.unscored import Unscored

__all__ = [
  'Aligned',
  'Alignment',
  'Assistant',
  'Copying',
  'Fused',
  'Generative',
  'Head',
  'LanguageModel',
  'LinearProjector',
  'LoRA',
  'Masked',
  'Matched',
  'MlpProjector',
  'OrdinalHead',
  'PhraseDetector',
  'PixelHead',
  'Recommender',
  'Resampler',
  'TaskWeights',
  'TextToImage',
  'Unscored',
]
