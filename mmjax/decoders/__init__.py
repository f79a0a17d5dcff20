"""From tokens to what they say: texts, token by token, and pictures."""

from mmjax.decoders.beam import BeamSearch
from mmjax.decoders.ctc import CtcGreedy
from mmjax.decoders.ctc_windows import CtcWindows, make_transcribe
from mmjax.decoders.draw import Draw
from mmjax.decoders.flow import FlowTransformer
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
from mmjax.decoders.overlap import join_texts
from mmjax.decoders.pointer import Pointer, Source
from mmjax.decoders.sampling import Greedy, Sample
from mmjax.decoders.solvers import Euler, Heun
from mmjax.decoders.steps import Generated, make_step
from mmjax.decoders.text import TextDecoder
from mmjax.decoders.text_windows import TextWindows, make_generate_long
from mmjax.decoders.times import LogitNormalTimes, UniformTimes
from mmjax.decoders.write import Write

__all__ = [
  'Allow',
  'BeamSearch',
  'CtcGreedy',
  'CtcWindows',
  'Draw',
  'Euler',
  'FlowTransformer',
  'Generated',
  'Greedy',
  'Heun',
  'LogitNormalTimes',
  'MinP',
  'Pointer',
  'Sample',
  'Source',
  'Suppress',
  'Temperature',
  'TextDecoder',
  'TextWindows',
  'Timestamps',
  'TopK',
  'TopP',
  'UniformTimes',
  'Write',
  'join_texts',
  'make_generate',
  'make_generate_long',
  'make_step',
  'make_stream',
  'make_transcribe',
]
