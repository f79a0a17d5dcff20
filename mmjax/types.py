"""Axis glossary and the few types that every part of mmjax shares.

Axis letters, the same in annotations, einops patterns and unpacking:

  b  batch            f  frames or time steps    n  any tokens
  h  image height     t  text tokens             d  width (features)
  w  image width      s  waveform samples        k  attention heads
  c  channels         m  columns of numbers      q  columns of categories

A `Batch` is a flat dict of arrays plus one dict of masks, in which True means
real, everywhere::

  {'image': Float['b h w c'], 'text': Int['b t'], 'audio': Float['b s'],
   'video': Float['b f h w c'], 'sensor': Float['b f c'],
   'tabular': {'numeric': Float['b m'], 'categorical': Int['b q']},
   'mask': {'image': Bool['b'], 'text': Bool['b t'], 'audio': Bool['b s'],
            'video': Bool['b f'], 'sensor': Bool['b f'],
            'tabular': {'numeric': Bool['b m'], 'categorical': Bool['b q']}},
   'label': Int['b'], 'weight': Float['b'], 'index': Int['b']}

A key that is absent means that the program has no such modality; a mask that
is all False means that this example lacks it. Weight 0 marks a row that only
fills up the batch.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxtyping import Array, Bool, Float

Batch = Mapping[str, Any]
Outputs = Mapping[str, Any]


class Tokens(NamedTuple):
  """A sequence of features and which of them are real.

  Attributes:
    x: features; where `mask` is False they mean nothing and are never read.
    mask: True where a token is real.
  """

  x: Float[Array, 'b n d']
  mask: Bool[Array, 'b n']


class Term(NamedTuple):
  """One summand of a training loss, before any averaging.

  The step computes `sum(loss * weight) / sum(weight)` over the global batch.

  Attributes:
    loss: loss of each example.
    weight: how much each example counts; 0 leaves it out.
  """

  loss: Float[Array, ' b']
  weight: Float[Array, ' b']


class InputError(ValueError):
  """What the user gave cannot be used; shown as one line, without traceback."""
