"""From tokens to what they say: texts, token by token."""

from mmjax.decoders.beam import BeamSearch
from mmjax.decoders.generate import make_generate, make_stream
from mmjax.decoders.logits import (
  Allow,
  MinP,
  Suppress,
  Temperature,
  Timestamps,
  TopK,
  TopP,
)
from mmjax.decoders.sampling import Greedy, Sample
from mmjax.decoders.steps import Generated, make_step
from mmjax.decoders.text import TextDecoder

__all__ = [
  'Allow',
  'BeamSearch',
  'Generated',
  'Greedy',
  'MinP',
  'Sample',
  'Suppress',
  'Temperature',
  'TextDecoder',
  'Timestamps',
  'TopK',
  'TopP',
  'make_generate',
  'make_step',
  'make_stream',
]
