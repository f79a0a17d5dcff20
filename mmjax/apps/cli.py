"""The command `mmjax`: each of its commands is a module of this folder."""

import argparse
import sys
from collections.abc import Callable, Sequence

from mmjax.types import InputError


def main(argv: Sequence[str] | None = None) -> int:
  """Runs a command line.

  Args:
    argv: the words after `mmjax`; those of the process if None.

  Returns:
    The exit code: 0 done, 2 the input cannot be used, 130 interrupted; of
    `train` those of `mmjax.main`.
  """
  argv = list(sys.argv[1:] if argv is None else argv)
  parser = argparse.ArgumentParser(
    prog='mmjax',
    description='Multimodal learning: images, text, audio, video and sensors.',
    epilog='mmjax COMMAND --help tells more of each.',
    allow_abbrev=False,
  )
  commands = parser.add_subparsers(metavar='COMMAND', required=True)
  for name, (run, text) in _COMMANDS.items():
    # What is asked of them is their own business.
    command = commands.add_parser(name, help=text, add_help=False)
    command.set_defaults(run=run)
  own, _ = parser.parse_known_args(argv[:1])
  try:
    return own.run(argv[1:])
  except InputError as error:
    print(f'error: {error}', file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    print('interrupted', file=sys.stderr)
    return 130
  except BrokenPipeError:  # `mmjax ... | head`
    sys.stderr.close()
    return 0


# Modules are imported only when they are used: some take seconds.


def _train(argv: Sequence[str]) -> int:
  from mmjax import main as training

  return training.main(argv)


def _data(argv: Sequence[str]) -> int:
  from mmjax.apps import data

  return data.main(argv)


def _web(argv: Sequence[str]) -> int:
  from mmjax.apps.web import command

  return command.main(argv)


def _search(argv: Sequence[str]) -> int:
  from mmjax.apps import search_command

  return search_command.main(argv)


def _transcribe(argv: Sequence[str]) -> int:
  from mmjax.apps import texts

  return texts.transcribe(argv)


def _caption(argv: Sequence[str]) -> int:
  from mmjax.apps import texts

  return texts.caption(argv)


def _chat(argv: Sequence[str]) -> int:
  from mmjax.apps import chat

  return chat.main(argv)


def _evaluate(argv: Sequence[str]) -> int:
  from mmjax.apps import evaluate

  return evaluate.main(argv)


def _export(argv: Sequence[str]) -> int:
  from mmjax.apps import export

  return export.main(argv)


def _plan(argv: Sequence[str]) -> int:
  from mmjax.apps import plan

  return plan.main(argv)


_COMMANDS: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
  'train': (_train, 'train a model, as train.py does'),
  'evaluate': (_evaluate, 'score a model on any data'),
  'search': (_search, 'find pictures, sounds and texts by each other'),
  'transcribe': (_transcribe, 'write what is said in sounds'),
  'caption': (_caption, 'write what pictures show'),
  'chat': (_chat, 'talk with a model, about pictures and sounds too'),
  'web': (_web, 'use a model in the browser'),
  'data': (_data, 'look at data before anything is trained on it'),
  'export': (_export, "write a run's parameters as other projects read them"),
  'plan': (_plan, 'say what a step of training takes on other devices'),
}


if __name__ == '__main__':
  sys.exit(main())
