"""`mmjax chat`: a dialogue with a model, typed, spoken, about files."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from mmjax.apps.cells import LocalFile
from mmjax.apps.dialogue import Dialogue, Reply, notice
from mmjax.apps.opening import open_checkpoint
from mmjax.apps.talking import open_talker
from mmjax.data.errors import RecordError
from mmjax.main import keep_compiled
from mmjax.pretrained.generation import Options
from mmjax.types import InputError

_HELP = """\
A line is a question. Others begin with a slash:
  /image FILE   show a picture with the next question
  /audio FILE   play a sound with the next question
  /ask FILE     ask what is said in a sound
  /new          begin again
  /quit         end, as the end of the input does
"""
_EPILOG = f"""\
Questions are read line by line from the input; answers are written to the
output while they are made.

{_HELP}"""


def main(argv: Sequence[str]) -> int:
  """Runs a command line, without `mmjax chat`.

  Returns:
    0; 2 if any line could not be answered and nobody sat there to try again.

  Raises:
    InputError: the checkpoint or an option cannot be used.
  """
  own = _parser().parse_args(argv)
  keep_compiled()
  talker = open_talker(open_checkpoint(own.checkpoint), _options(own))
  ear = own.transcriber and open_checkpoint(own.transcriber)
  chat = _Chat(talker, ear, system=own.system, as_json=own.json)
  for name in ('image', 'audio'):
    for file in getattr(own, name):
      chat.attach(name, file)
  live = sys.stdin.isatty()
  if live:
    print(f'{own.checkpoint}: /help tells what can be typed', file=sys.stderr)
  failed = False
  for line in own.question or _lines(live):
    try:
      if not chat.take(line):
        break
    except (InputError, RecordError) as error:
      print(f'error: {error}', file=sys.stderr)
      failed = True
  return 2 if failed and not live else 0


class _Chat:
  """A dialogue and what is attached to its next question."""

  def __init__(self, talker: Any, ear: Any, *, system: str, as_json: bool):
    self._talker, self._ear = talker, ear
    self._system, self._as_json = system, as_json
    self._begin()

  def _begin(self) -> None:
    self._dialogue = Dialogue.begin(self._system)
    self._attached: list[tuple[str, Any]] = []
    self._dropped = 0

  def take(self, line: str) -> bool:
    """Does what a line says; False if it ends the dialogue.

    Raises:
      InputError: there is no such command, or the question does not fit.
      RecordError: a file cannot be read.
    """
    word, _, rest = line.strip().partition(' ')
    rest = rest.strip()
    if not word.startswith('/'):
      if word:
        self._ask(line.strip())
    elif word in ('/image', '/audio'):
      self.attach(word[1:], rest)
    elif word == '/ask':
      self._listen(rest)
    elif word == '/new':
      self._begin()
    elif word == '/help':
      print(_HELP, file=sys.stderr, end='')
    elif word != '/quit':
      raise InputError(f'no command {word}: /help tells which there are')
    return word != '/quit'

  def attach(self, modality: str, file: str) -> None:
    """Keeps a file for the next question.

    Raises:
      InputError: the model takes no such thing.
      RecordError: it cannot be read.
    """
    can = self._talker.modalities
    if modality not in can:
      there = ', '.join(can) or 'words alone'
      raise InputError(f'{file}: the model takes no {modality}, but {there}')
    made = self._talker.prepare(modality, LocalFile(file))
    self._attached.append((modality, made))

  def _listen(self, file: str) -> None:
    """Asks what is said in a file: the model hears it, or reads it."""
    if self._ear is not None:
      text = self._ear.transcribe([LocalFile(file)])[0]
      print(f'(heard: {text})', file=sys.stderr)
      self._ask(text)
      return
    if 'audio' not in self._talker.modalities:
      raise InputError(
        f'{file}: the model does not hear; name one that writes what is said '
        'with --transcriber'
      )
    self.attach('audio', file)
    self._ask('', told=file)

  def _ask(self, text: str, *, told: str | None = None) -> None:
    asked = self._dialogue.asked(text, self._attached)
    replies = self._talker.reply(asked)
    last = list(replies)[-1] if self._as_json else _streamed(replies)
    # What could not be answered was not asked, and can be tried again.
    self._dialogue, self._attached = asked.answered(last.text), []
    if self._as_json:
      found = {'question': told or text, 'answer': last.text}
      found['dropped'] = last.dropped
      print(json.dumps(found, ensure_ascii=False), flush=True)
    if last.dropped > self._dropped:
      print(f'({notice(last.dropped)})', file=sys.stderr)
    self._dropped = last.dropped


def _streamed(replies: Iterator[Reply]) -> Reply:
  """Prints what is new of each; what is written is not taken back."""
  shown, last = '', Reply('', 0)
  try:
    for last in replies:
      if last.text.startswith(shown):
        print(last.text[len(shown) :], end='', flush=True)
        shown = last.text
  finally:
    print(flush=True)
  return last


def _options(own: argparse.Namespace) -> Options:
  options = Options(
    max_new_tokens=own.max_new_tokens,
    temperature=own.temperature,
    top_p=own.top_p,
    seed=own.seed,
  )
  try:
    _ = options.sampling
  except ValueError as error:
    raise InputError(str(error)) from error
  return options


def _lines(live: bool) -> Iterator[str]:
  while True:
    if live:
      print('> ', end='', file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
      return
    yield line


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog='mmjax chat',
    description='A dialogue with a model, about pictures and sounds if it '
    'takes any.',
    epilog=_EPILOG,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )
  parser.add_argument(
    '--checkpoint',
    required=True,
    metavar='C',
    help='workdir of a run such as of configs/assistant.py, or folder or hub '
    'name of a causal language model',
  )
  parser.add_argument(
    '--image', action='append', default=[], metavar='FILE',
    help='a picture, shown with the first question; may be repeated',
  )  # fmt: skip
  parser.add_argument(
    '--audio', action='append', default=[], metavar='FILE',
    help='a sound, played with the first question; may be repeated',
  )  # fmt: skip
  parser.add_argument(
    '--transcriber',
    metavar='C',
    help='checkpoint that writes what is said in spoken questions, for models '
    'that do not hear',
  )
  parser.add_argument(
    '--system', default='', metavar='TEXT', help='what is said before all'
  )
  parser.add_argument(
    '--max-new-tokens', type=int, metavar='N', help='longest answer'
  )
  parser.add_argument(
    '--temperature', type=float, metavar='T', help='draw answers; else the best'
  )
  parser.add_argument(
    '--top-p', type=float, metavar='P', help='draw from the best of so much'
  )
  parser.add_argument(
    '--seed', type=int, default=0, help='of what is drawn (0)'
  )
  parser.add_argument(
    '--json',
    action='store_true',
    help='print {question, answer, dropped}, a line for each answer',
  )
  parser.add_argument(
    'question', nargs='*', help='questions, in place of those of the input'
  )
  return parser
