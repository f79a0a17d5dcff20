"""The text of a compiled program, parsed: XLA's HLO.

`compiled.as_text()` is all that JAX gives of a program compiled for devices
that are not there. The format is described at
https://openxla.org/xla/operation_semantics.
"""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

_HEADER = re.compile(r'(ENTRY )?%?([\w.\-]+) \(.*\) -> .*\{$')
_ASSIGNMENT = re.compile(r'\s+(ROOT )?%?([\w.\-]+) = ')
_COMMENT = re.compile(r'/\*.*?\*/')
_ARRAY = re.compile(r'\b([a-z]+)(\d*)[a-z0-9]*\[([\d,<=]*)\]')


class Instruction(NamedTuple):
  """One line: `name = type opcode(operands), attributes`."""

  name: str
  type: str
  opcode: str
  operands: tuple[str, ...]
  attributes: str
  is_root: bool

  @property
  def shape(self) -> tuple[int, ...]:
    """Of an array; of a tuple's first array."""
    found = _ARRAY.search(self.type)
    return _dimensions(found[3]) if found else ()

  def attribute(self, name: str, default: str = '') -> str:
    """The value of `name=value`, without the braces of `{value}`."""
    found = re.search(rf'\b{name}=(?:\{{(.*?)\}}|%?([^\s,]+))', self.attributes)
    return (found[1] or found[2] or '') if found else default


Computation = Mapping[str, Instruction]
"""Instructions by name."""


class Module(NamedTuple):
  """A program.

  Attributes:
    computations: by name.
    entry: name of the one that is run; others are called by it.
  """

  computations: Mapping[str, Computation]
  entry: str


def parse(text: str) -> Module:
  """Parses `compiled.as_text()`.

  >>> module = parse('''ENTRY %main (x: f32[2,3]) -> f32[2,3] {
  ...   %x = f32[2,3]{1,0} parameter(0)
  ...   ROOT %y = f32[2,3]{1,0} add(%x, %x), metadata={op_name="y"}
  ... }''')
  >>> module.computations[module.entry]['y'].operands
  ('x', 'x')
  """
  computations: dict[str, dict[str, Instruction]] = {}
  entry, current = '', None
  for line in text.splitlines():
    header = _HEADER.match(line)
    if header:
      current = computations[header[2]] = {}
      entry = header[2] if header[1] else entry
    elif line.startswith('}'):
      current = None
    elif current is not None:
      one = _instruction(line)
      if one is not None:
        current[one.name] = one
  return Module(computations, entry)


def bytes_of(type_: str) -> int:
  """Bytes of a type, padding left out.

  >>> bytes_of('(f32[2,3]{1,0:T(8,128)}, pred[8]{0})')
  32
  """
  total = 0
  for kind, bits, shape in _ARRAY.findall(type_):
    width = int(bits) if bits else 8 * (kind == 'pred')
    total += width * math.prod(_dimensions(shape)) // 8
  return total


def _instruction(line: str) -> Instruction | None:
  start = _ASSIGNMENT.match(line)
  if start is None:
    return None
  rest = _COMMENT.sub('', line[start.end() :])
  end = _closing(rest) if rest.startswith('(') else rest.index(' ')
  type_, rest = rest[:end], rest[end:].lstrip()
  opening = rest.index('(')
  closing = opening + _closing(rest[opening:])
  # Operands may stand with their types before them.
  operands = [
    operand.split()[-1].removeprefix('%')
    for operand in rest[opening + 1 : closing - 1].split(', ')
    if operand.strip()
  ]
  return Instruction(
    name=start[2],
    type=type_,
    opcode=rest[:opening],
    operands=tuple(operands),
    attributes=rest[closing:],
    is_root=start[1] is not None,
  )


def _closing(text: str) -> int:
  """Where the parenthesis that the text begins with is closed, plus one."""
  depth = 0
  for i, letter in enumerate(text):
    depth += (letter == '(') - (letter == ')')
    if not depth:
      return i + 1
  return len(text)


def _dimensions(shape: str) -> tuple[int, ...]:
  return tuple(int(n.removeprefix('<=')) for n in shape.split(',') if n)
