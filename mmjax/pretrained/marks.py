"""Tokens with a meaning: how a folder calls them and where they stand."""

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import AddedToken, Tokenizer, processors

_ALIASES = {
  'clap': 'roberta',
  'claptextmodel': 'roberta',
  'cliptextmodel': 'clip',
  'distilbert': 'bert',
  'electra': 'bert',
  'mobilebert': 'bert',
  'sigliptextmodel': 'siglip',
}
# Names of classes that take any tokenizer.
_GENERIC = ('', 'pretrained', 'tokenizersbackend')
_ANGLES = {
  'bos': '<s>',
  'eos': '</s>',
  'unk': '<unk>',
  'sep': '</s>',
  'pad': '<pad>',
  'cls': '<s>',
  'mask': '<mask>',
}
_END = '<|endoftext|>'
# Tokens with a meaning, where a folder does not name them.
_SPECIAL: dict[str, dict[str, str]] = {
  'bert': {
    'unk': '[UNK]',
    'sep': '[SEP]',
    'pad': '[PAD]',
    'cls': '[CLS]',
    'mask': '[MASK]',
  },
  'clip': {'bos': '<|startoftext|>', 'eos': _END, 'unk': _END, 'pad': _END},
  'gpt2': {'bos': _END, 'eos': _END, 'unk': _END},
  'llama': {'bos': '<s>', 'eos': '</s>', 'unk': '<unk>'},
  'roberta': _ANGLES,
  'siglip': {'eos': '</s>', 'unk': '<unk>', 'pad': '</s>'},
  't5': {'eos': '</s>', 'unk': '<unk>', 'pad': '<pad>'},
  'whisper': {'bos': _END, 'eos': _END, 'unk': _END},
  'xlmroberta': _ANGLES,
}
_NAMES = ('bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask')


def tokenizer_kind(
  tokenizer: Mapping[str, Any], model: Mapping[str, Any]
) -> str:
  """A class of transformers, like `bert` or `siglip`; empty if none is named.

  Args:
    tokenizer: `tokenizer_config.json`.
    model: `config.json`.
  """
  for config, key in (
    (tokenizer, 'tokenizer_class'),
    (model, 'tokenizer_class'),
    (model, 'model_type'),
  ):
    name = str(config.get(key) or '').removesuffix('Fast')
    name = name.removesuffix('Tokenizer').lower()
    name = name.replace('-', '').replace('_', '')
    if name not in _GENERIC:
      return _ALIASES.get(name, name)
  return ''


def special_tokens(kind: str, config: Mapping[str, Any]) -> dict[str, str]:
  """`pad` and the like -> the token, as the folder or its class names it."""
  found = {}
  for name in _NAMES:
    key = f'{name}_token'
    token = config[key] if key in config else _SPECIAL.get(kind, {}).get(name)
    token = token.get('content') if isinstance(token, Mapping) else token
    if token is not None:
      found[name] = token
  return found


def add_special(
  made: Tokenizer, special: Mapping[str, str], **options: Any
) -> None:
  """Has these tokens found before a text is cut."""
  made.add_special_tokens(
    [AddedToken(x, normalized=False, **options) for x in special.values()]
  )


def mark_ends(
  made: Tokenizer, special: Mapping[str, str], config: Mapping[str, Any]
) -> Tokenizer:
  """Puts the tokens around each text that `tokenizer_config.json` asks for."""
  first, last = (
    special.get(name, '') if config.get(f'add_{name}_token') else ''
    for name in ('bos', 'eos')
  )
  return wrap(made, first, last)


def wrap(made: Tokenizer, first: str | Sequence[str], last: str) -> Tokenizer:
  """Puts tokens of the vocabulary around each text; an empty one is none."""
  before = [first] if isinstance(first, str) else [*first]
  before, after = ([x for x in some if x] for some in (before, [last]))
  marks = dict.fromkeys([*before, *after])
  made.post_processor = processors.TemplateProcessing(
    single=[*before, '$A', *after],
    special_tokens=[(x, made.token_to_id(x)) for x in marks],
  )
  return made
