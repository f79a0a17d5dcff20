"""The template that a checkpoint's folder has for conversations."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import jinja2.sandbox

from mmjax.pretrained.folder import read_json
from mmjax.pretrained.marks import special_tokens, tokenizer_kind
from mmjax.types import InputError

_FILE = 'chat_template.jinja'
_SIZE = 2**20  # bytes; the longest known have a few thousand


def chat_template(folder: Path) -> str | None:
  """The template, in Jinja; None if the folder has none.

  It stands in a file of its own or in `tokenizer_config.json`, there perhaps
  one of several, of which it is the one called `default`
  (https://huggingface.co/docs/transformers/chat_templating).

  Raises:
    InputError: the file cannot be read.
  """
  file = folder / _FILE
  if file.is_file():
    try:
      return file.read_text('utf-8')[:_SIZE]
    except (OSError, UnicodeDecodeError) as error:
      raise InputError(f'cannot read {file}: {error}') from error
  found = read_json(folder / 'tokenizer_config.json').get('chat_template')
  if isinstance(found, list):
    named = {
      one.get('name'): one.get('template')
      for one in found
      if isinstance(one, Mapping)
    }
    found = named.get('default')
  return found if isinstance(found, str) else None


def render(
  template: str, folder: Path, messages: Sequence[Mapping[str, Any]]
) -> str:
  """Messages as one text, behind which the assistant speaks.

  The template comes from the folder, so it runs in Jinja's sandbox, where it
  can neither read nor change anything.

  Raises:
    InputError: the template is damaged, or refuses these messages.
  """
  config = read_json(folder / 'tokenizer_config.json')
  kind = tokenizer_kind(config, read_json(folder / 'config.json'))
  marks = special_tokens(kind, config)
  environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=['jinja2.ext.loopcontrols'],
  )
  environment.globals['raise_exception'] = _refuse
  environment.globals['strftime_now'] = _now
  try:
    return environment.from_string(template).render(
      messages=[dict(message) for message in messages],
      add_generation_prompt=True,
      **{f'{name}_token': mark for name, mark in marks.items()},
    )
  except (jinja2.TemplateError, TypeError, ValueError) as error:
    raise InputError(f'the chat template of {folder}: {error}') from error


def _refuse(reason: str) -> str:
  raise jinja2.TemplateError(reason)


def _now(form: str) -> str:
  return datetime.datetime.now().strftime(form)
