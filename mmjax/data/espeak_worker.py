"""What runs in a process of its own to speak: see `espeak.speak`.

Needs nothing but Python. Reads a JSON list of requests; writes, for each, a
line of JSON and the samples, 16 bits each.
"""

import ctypes
import json
import sys
from typing import Any

# Numbers of the library's header, speak_lib.h.
_SYNCHRONOUS = 2
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 1, 2, 0x8000
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_END, _WORD, _PHONEME = 0, 1, 7
_UTF8, _CHARACTERS = 1, 1


class _Id(ctypes.Union):
  _fields_ = (
    ('number', ctypes.c_int),
    ('name', ctypes.c_char_p),
    ('string', ctypes.c_char * 8),
  )


class _Event(ctypes.Structure):
  _fields_ = (
    ('type', ctypes.c_int),
    ('unique_identifier', ctypes.c_uint),
    ('text_position', ctypes.c_int),
    ('length', ctypes.c_int),
    ('audio_position', ctypes.c_int),
    ('sample', ctypes.c_int),
    ('user_data', ctypes.c_void_p),
    ('id', _Id),
  )


_Callback = ctypes.CFUNCTYPE(
  ctypes.c_int,
  ctypes.POINTER(ctypes.c_short),
  ctypes.c_int,
  ctypes.POINTER(_Event),
)


def main() -> None:
  """Speaks what is asked for on standard input."""
  library = ctypes.CDLL(sys.argv[1])
  options = _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT
  rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, options)
  if rate <= 0:
    sys.exit('espeak-ng does not find its voices')
  for request in json.load(sys.stdin):
    told, samples = _speak(library, request)
    line = json.dumps({'rate': rate, 'bytes': len(samples), **told})
    sys.stdout.buffer.write(line.encode() + b'\n' + samples)


def _speak(library: Any, request: dict[str, Any]) -> tuple[dict, bytes]:
  waves: list[bytes] = []
  phonemes: list[tuple[float, str]] = []
  words: list[tuple[float, str]] = []

  def hear(wave: Any, count: int, events: Any) -> int:
    if wave and count:
      waves.append(ctypes.string_at(wave, 2 * count))
    i = 0
    while events[i].type != _END:
      if events[i].type == _PHONEME:
        ipa = events[i].id.string.decode('utf-8', 'ignore')
        phonemes.append((events[i].audio_position / 1000, ipa))
      if events[i].type == _WORD:
        # Characters are counted from 1.
        first = events[i].text_position - 1
        word = request['text'][first : first + events[i].length]
        words.append((events[i].audio_position / 1000, word))
      i += 1
    return 0

  if library.espeak_SetVoiceByName(request['voice'].encode()):
    sys.exit(f'espeak-ng has no voice {request["voice"]!r}')
  library.espeak_SetParameter(_RATE, request['words_a_minute'], 0)
  library.espeak_SetParameter(_VOLUME, request['volume'], 0)
  library.espeak_SetParameter(_PITCH, request['pitch'], 0)
  library.espeak_SetParameter(_RANGE, request['pitch_range'], 0)
  callback = _Callback(hear)
  library.espeak_SetSynthCallback(callback)
  data = request['text'].encode()
  library.espeak_Synth(
    data, len(data) + 1, 0, _CHARACTERS, 0, _UTF8, None, None
  )
  library.espeak_Synchronize()
  return {'phonemes': phonemes, 'words': words}, b''.join(waves)


if __name__ == '__main__':
  main()
