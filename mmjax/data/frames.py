"""Sequences of frames, of sensors or of video, to one length."""

import numpy as np
from jaxtyping import Bool, Shaped


def to_length(
  x: Shaped[np.ndarray, 'f *rest'], length: int
) -> tuple[Shaped[np.ndarray, '{length} *rest'], Bool[np.ndarray, ' {length}']]:
  """Cuts a sequence, or pads it with zeros, to a static length.

  >>> x, mask = to_length(np.ones((2, 1)), 3)
  >>> x.ravel().tolist(), mask.tolist()
  ([1.0, 1.0, 0.0], [True, True, False])

  Args:
    x: frames, first to last.
    length: frames wanted.

  Returns:
    The frames, and a mask that is True where they are real.
  """
  x = x[:length]
  padded = np.zeros((length, *x.shape[1:]), x.dtype)
  padded[: len(x)] = x
  return padded, np.arange(length) < len(x)
