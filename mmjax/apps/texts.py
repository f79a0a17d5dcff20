"""`mmjax transcribe` and `mmjax caption`: a text about each of some files."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from mmjax.apps.cells import LocalFile
from mmjax.apps.checkpoint import Checkpoint
from mmjax.apps.opening import open_checkpoint
from mmjax.apps.writing import longest
from mmjax.data.errors import RecordError
from mmjax.data.sources import arrays
from mmjax.main import keep_compiled
from mmjax.types import InputError

_CODE = 2  # nothing could be read


def transcribe(argv: Sequence[str]) -> int:
  """Runs a command line, without `mmjax transcribe`.

  Raises:
    InputError: the checkpoint cannot be used.
  """
  parser = _parser('transcribe', 'Writes what is said in sounds.', 'a sound')
  own = parser.parse_args(argv)
  checkpoint = _open(own, 'audio')
  _warn_of_cuts(checkpoint, own.files)
  return _write(own, lambda file: checkpoint.transcribe([file])[0])


def caption(argv: Sequence[str]) -> int:
  """Runs a command line, without `mmjax caption`.

  Raises:
    InputError: the checkpoint cannot be used.
  """
  parser = _parser('caption', 'Writes what pictures show.', 'a picture')
  parser.add_argument(
    '--language',
    metavar='L',
    help='what the text is to be in, for models that know several: en, fr ...',
  )
  parser.add_argument(
    '--question', metavar='Q', help='for models that answer questions'
  )
  own = parser.parse_args(argv)
  checkpoint = _open(own, 'image')
  return _write(
    own,
    lambda file: checkpoint.caption(
      [file], language=own.language, question=own.question
    )[0],
  )


def _parser(name: str, text: str, what: str) -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog=f'mmjax {name}', description=text, allow_abbrev=False
  )
  parser.add_argument(
    '--checkpoint',
    required=True,
    metavar='C',
    help='workdir of a run, or folder or hub name of a checkpoint',
  )
  parser.add_argument('files', nargs='+', metavar='FILE', help=what)
  parser.add_argument(
    '--json',
    action='store_true',
    help='print a JSON list of {path, text}, or {path, error}',
  )
  return parser


def _open(own: argparse.Namespace, modality: str) -> Checkpoint:
  keep_compiled()
  checkpoint = open_checkpoint(own.checkpoint)
  if checkpoint.writes is None or modality not in checkpoint.modalities:
    raise InputError(
      f'{own.checkpoint} writes no text about '
      f'{"sounds" if modality == "audio" else "pictures"}'
    )
  return checkpoint


def _write(own: argparse.Namespace, run: Callable[[str], str]) -> int:
  """One file after the other: what is wrong with one is not the others'."""
  found: list[dict[str, Any]] = []
  for file in own.files:
    try:
      found.append({'path': file, 'text': run(file)})
    except RecordError as error:
      found.append({'path': file, 'error': error.reason})
      print(f'error: {error}', file=sys.stderr)
    if not own.json and 'text' in found[-1]:
      single = len(own.files) == 1
      text = found[-1]['text']
      print(text if single else f'{file}\t{text}', flush=True)
  if own.json:
    print(json.dumps(found, ensure_ascii=False))
  return 0 if any('text' in one for one in found) else _CODE


def _warn_of_cuts(checkpoint: Checkpoint, files: Sequence[str]) -> None:
  """Says of which sounds only the beginning is heard."""
  most = longest(checkpoint)
  for file in files:
    try:
      seconds = arrays.duration(LocalFile(file))
    except RecordError:
      continue
    if seconds > most + 0.01:
      print(
        f'{file}: only the first {most:g} of {seconds:.1f} seconds are heard',
        file=sys.stderr,
      )
