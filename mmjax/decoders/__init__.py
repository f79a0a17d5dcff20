"""From tokens to what they say: texts, token by token."""

from mmjax.decoders.beam import BeamSearch
from mmjax.decoders.ctc import CtcGreedy
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
from mmjax.decoders.write import Write

__all__ = [
  'Allow',
  'BeamSearch',
  'CtcGreedy',
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
  'Write',
  'make_generate',
  'make_step',
  'make_stream',
]
