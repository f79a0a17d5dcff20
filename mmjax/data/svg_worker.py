"""What runs in a process of its own to draw: see `svg.draw`.

Needs nothing but Python and resvg. Reads a line of the side and the number of
bytes, and the bytes of an SVG; writes a line that says whether there is a
picture or a reason, and how long it is, and that. An endless drawing ends the
process.
"""

import math
import resource
import sys

import resvg_py

_SECONDS, _BYTES = 3, 2**30  # of processor, for a picture; of memory
_DPI = 96  # CSS: resvg_py's own default of 0 makes `width="400pt"` zero


def main() -> None:
  """Draws what is asked for on standard input, until that is closed."""
  draw(b'<svg xmlns="http://www.w3.org/2000/svg"/>', 1)  # loads all it needs
  resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
  resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
  # From here on nothing can be opened, whatever a drawing names.
  resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
  while line := sys.stdin.buffer.readline():
    side, size = map(int, line.split())
    data = sys.stdin.buffer.read(size)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(used.ru_utime + used.ru_stime) + _SECONDS
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, most))
    kind, told = draw(data, side)
    sys.stdout.buffer.write(f'{kind} {len(told)}\n'.encode() + told)
    sys.stdout.buffer.flush()


def draw(data: bytes, side: int) -> tuple[str, bytes]:
  """`png` and the picture, or `error` and the reason."""
  try:
    return 'png', bytes(
      resvg_py.svg_to_bytes(
        svg_string=data.decode('utf-8-sig'),
        skip_system_fonts=True,
        dpi=_DPI,
        width=side,
        height=side,
      )
    )
  except BaseException as error:  # a panic of the Rust code is no Exception
    return 'error', ' '.join(str(error).split())[:300].encode()


if __name__ == '__main__':
  main()
