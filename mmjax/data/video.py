"""Videos: bytes to a few frames, and to their sound track, through PyAV.

FFmpeg reads much, and some of it names other files (playlists): only the
containers below are read, from memory, and nothing else is opened.
"""

import contextlib
import importlib.util
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from mmjax.data.audio import RATE
from mmjax.data.errors import RecordError
from mmjax.types import InputError

MAX_PIXELS = 2**24  # of a frame: 4096 x 4096
MAX_FRAMES = 2**10  # a second
MAX_RATE = 2**30  # pixels a second: 4096 x 2160 at 120 frames
_FORMATS = 'mov,matroska,avi,mpegts,mpeg,ogg,flv,mp4,webm'
_ONLY = {'format_whitelist': _FORMATS, 'protocol_whitelist': 'none'}


def require() -> None:
  """Looks whether videos can be read.

  Raises:
    InputError: PyAV is not installed.
  """
  if importlib.util.find_spec('av') is None:
    raise InputError("videos are read with PyAV: pip install 'mmjax[video]'")


def frames(
  data: bytes, *, count: int, seconds: float, canvas: int
) -> UInt8[np.ndarray, 'f h w 3']:
  """Frames at equal distances, in the middle of equal parts of a video.

  Args:
    data: what stands in the file.
    count: frames wanted; fewer where the video has fewer.
    seconds: how much of the video is looked at, from its beginning.
    canvas: frames are made smaller until their shorter side is this long.

  Returns:
    RGB, upright.

  Raises:
    RecordError: it is no video, is cut off or broken, has no frames, or frames
      too large or too many.
  """
  with _opened(data) as container:
    if not container.streams.video:
      raise RecordError('this holds no pictures that move')
    stream = container.streams.video[0]
    context = stream.codec_context
    _check_size(context.width, context.height)
    # Also where the size changes on the way.
    context.options = {'max_pixels': str(MAX_PIXELS)}
    context.thread_count = 1  # the processors have other examples to decode
    times, keys = _times(container, stream, seconds)
    if len(times) * context.width * context.height > MAX_RATE * max(seconds, 1):
      raise RecordError(
        f'{len(times)} frames of {context.width} x {context.height} in '
        f'{seconds:g} seconds would take too long'
      )
    where = ((np.arange(count) + 0.5) * len(times) / count).astype(int)
    where = np.unique(where) if len(times) > count else range(len(times))
    found: list[np.ndarray] = []
    for frame in _at(container, stream, [times[i] for i in where], keys):
      found.append(_picture(frame, canvas, found[0].shape if found else None))
    if not found:
      raise RecordError('none of the frames of this video can be decoded')
    return np.stack(found)


def sound(data: bytes, *, seconds: float) -> Float32[np.ndarray, ' s'] | None:
  """The first seconds of a video's sound track, mono, 16 kHz; None for none.

  Raises:
    RecordError: it is no video, or the track is broken.
  """
  with _opened(data) as container:
    if not container.streams.audio:
      return None
    import av

    stream = container.streams.audio[0]
    resampler = av.AudioResampler(format='flt', layout='mono', rate=RATE)
    most = round(seconds * RATE)
    parts, length = [], 0
    for frame in container.decode(stream):
      for part in resampler.resample(frame):
        parts.append(part.to_ndarray()[0])
        length += parts[-1].size
      if length >= most:
        break
    else:
      parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    x = np.concatenate([np.zeros(0, np.float32), *parts])[:most]
    if not np.isfinite(x).all():
      raise RecordError('the sound track holds NaN or infinite samples')
    return x if x.size else None


def measure(data: bytes) -> dict[str, float]:
  """Width, height and seconds, as a video says of itself.

  Raises:
    RecordError: it is no video.
  """
  with _opened(data) as container:
    if not container.streams.video:
      raise RecordError('this holds no pictures that move')
    context = container.streams.video[0].codec_context
    found = {'width': float(context.width), 'height': float(context.height)}
    if container.duration is not None:
      found['seconds'] = container.duration / 1e6
    return found


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[Any]:
  """The container; whatever FFmpeg and PyAV raise is a RecordError."""
  require()
  import av

  try:
    with av.open(io.BytesIO(data), options=_ONLY) as container:
      yield container
  except RecordError:
    raise
  except Exception as error:  # of FFmpeg, and what PyAV makes of odd values
    reason = getattr(error, 'strerror', None) or str(error)
    raise RecordError(f'cannot read this video: {reason}') from error


def _check_size(width: int, height: int) -> None:
  if width < 1 or height < 1:
    raise RecordError(f'frames of {width} x {height} are none')
  if width * height > MAX_PIXELS:
    raise RecordError(f'{width} x {height} is more than {MAX_PIXELS} pixels')


def _times(
  container: Any, stream: Any, seconds: float
) -> tuple[Sequence[int], Sequence[int]]:
  """When frames are shown, and which of them can be jumped to; in order.

  Packets are read for it, which is cheap, and not decoded: what containers say
  of their length and rate is often wrong.
  """
  found: list[int] = []
  keys: list[int] = []
  end = None
  for packet in container.demux(stream):
    if not packet.size:
      continue
    time = packet.dts if packet.pts is None else packet.pts
    if time is None:
      raise RecordError('the frames of this video have no times')
    if end is None:
      end = time + seconds / float(stream.time_base)
    # Packets come in the order of decoding, in which time goes forth and back.
    if (packet.dts if packet.dts is not None else time) >= end:
      break
    if time >= end:
      continue
    found.append(time)
    if packet.is_keyframe:
      keys.append(time)
    if len(found) > MAX_FRAMES * max(seconds, 1):
      raise RecordError(
        f'{seconds:g} seconds of this video have more than {MAX_FRAMES} frames '
        'each'
      )
  if not found:
    raise RecordError('this video has no frames')
  return sorted(found), sorted(keys)


def _at(
  container: Any, stream: Any, wanted: Sequence[int], keys: Sequence[int]
) -> Iterator[Any]:
  """Frames at some times, decoded from the last place to jump to before."""
  decoded: Iterator[Any] = iter(())
  frame, here, jumps = None, None, True
  for time in wanted:
    key = max((k for k in keys if k <= time), default=time)
    if here is None or (jumps and key > here):
      container.seek(key, stream=stream)
      decoded = container.decode(stream)
      frame = next(decoded, None)
      if frame is None or frame.pts is None or frame.pts > time:
        # Containers without an index jump anywhere: go through it all.
        jumps = False
        container.seek(0, stream=stream)
        decoded, frame = container.decode(stream), None
    while frame is None or frame.pts is None or frame.pts < time:
      # A decoder may leave out the last frames of what is cut off.
      last, frame = frame, next(decoded, None)
      if frame is None:
        if last is not None and last.pts is not None:
          yield last
        return
    here = frame.pts
    yield frame


def _picture(
  frame: Any, canvas: int, shape: tuple[int, ...] | None
) -> UInt8[np.ndarray, 'h w 3']:
  """RGB, upright, and of one shape if there was a frame before."""
  _check_size(frame.width, frame.height)
  turns = round(frame.rotation / 90) % 4
  if shape is None:
    scale = min(1.0, canvas / min(frame.width, frame.height))
    w, h = (max(1, round(n * scale)) for n in (frame.width, frame.height))
  else:
    h, w = shape[:2] if turns % 2 == 0 else shape[1::-1]
  small = frame.reformat(
    width=w, height=h, format='rgb24', interpolation='BICUBIC'
  )
  return np.rot90(small.to_ndarray(), turns)
