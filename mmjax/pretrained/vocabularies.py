"""Tokenizers of folders that hold a vocabulary but no `tokenizer.json`."""

import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tokenizers import (
  AddedToken,
  Regex,
  Tokenizer,
  decoders,
  models,
  normalizers,
  pre_tokenizers,
)

from mmjax.pretrained.folder import read_json
from mmjax.pretrained.marks import (
  add_special,
  mark_ends,
  special_tokens,
  wrap,
)
from mmjax.pretrained.spiece import CONTROL, USER, Spiece, read_spiece
from mmjax.types import InputError

MODELS = ('spiece.model', 'tokenizer.model', 'sentencepiece.bpe.model')
_MARK = '\u2581'  # what sentencepiece writes for a space
_CLIP_WORDS = (
  r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|"
  r'[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+'
)


def build_tokenizer(
  folder: Path, kind: str, config: Mapping[str, Any]
) -> Tokenizer | None:
  """The tokenizer of a folder's vocabulary; None if it holds none.

  Raises:
    InputError: it has one of a kind that is not known here, or damaged.
  """
  special = special_tokens(kind, config)
  words, pairs = folder / 'vocab.txt', folder / 'merges.txt'
  spiece = next((folder / m for m in MODELS if (folder / m).exists()), None)
  build: Any
  if spiece is not None:
    file, builders = spiece, _PIECES
    sources: tuple[Any, ...] = (read_spiece(spiece),)
  elif words.exists():
    file, builders, sources = words, _WORDS, (words,)
  elif pairs.exists() and (folder / 'vocab.json').exists():
    file, builders = pairs, _PAIRS
    sources = (folder / 'vocab.json', pairs)
  else:
    return None
  build = builders.get(kind)
  if build is None:
    raise InputError(
      f'{file}: tokenizer {kind!r} is not one of '
      f'{sorted(builders)}; where transformers is, '
      f"`AutoTokenizer.from_pretrained('FOLDER').save_pretrained('FOLDER')` "
      'writes a tokenizer.json'
    )
  try:
    made = build(*sources, special, config)
  except InputError:
    raise
  except Exception as error:  # of tokenizers
    raise InputError(f'{file} is no vocabulary: {error}') from error
  return made


def _wordpiece(path: Path, special: dict[str, str], config: Any) -> Tokenizer:
  words = models.WordPiece.read_file(str(path))
  made = Tokenizer(models.WordPiece(words, unk_token=special['unk']))
  made.normalizer = normalizers.BertNormalizer(
    clean_text=True,
    handle_chinese_chars=bool(config.get('tokenize_chinese_chars', True)),
    strip_accents=config.get('strip_accents'),
    lowercase=bool(config.get('do_lower_case', True)),
  )
  made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
  add_special(made, special)
  return wrap(made, special['cls'], special['sep'])


def _clip(vocab: Path, merges: Path, special: Any, config: Any) -> Tokenizer:
  del config
  made = Tokenizer(
    models.BPE.from_file(
      str(vocab),
      str(merges),
      continuing_subword_prefix='',
      end_of_word_suffix='</w>',
      unk_token=special['unk'],
    )
  )
  made.normalizer = normalizers.Sequence(
    [
      normalizers.NFC(),
      normalizers.Replace(Regex(r'\s+'), ' '),
      normalizers.Lowercase(),
    ]
  )
  made.pre_tokenizer = pre_tokenizers.Sequence(
    [
      pre_tokenizers.Split(Regex(_CLIP_WORDS), 'removed', invert=True),
      pre_tokenizers.ByteLevel(add_prefix_space=False),
    ]
  )
  made.decoder = decoders.Sequence(
    [
      decoders.ByteLevel(),
      decoders.Replace('</w>', ' '),
      decoders.Strip(' ', 0, 1),
    ]
  )
  add_special(made, special)
  return wrap(made, special['bos'], special['eos'])


def _bytes(vocab: Path, merges: Path, special: Any, config: Any) -> Tokenizer:
  made = Tokenizer(models.BPE.from_file(str(vocab), str(merges)))
  made.pre_tokenizer = pre_tokenizers.ByteLevel(
    add_prefix_space=bool(config.get('add_prefix_space', False))
  )
  made.decoder = decoders.ByteLevel()
  add_special(made, special)
  if 'cls' in special:
    return wrap(made, special['cls'], special['sep'])
  return mark_ends(made, special, config)


def _whisper(vocab: Path, merges: Path, special: Any, config: Any) -> Tokenizer:
  """With languages, tasks and times, and what a transcript begins with."""
  made = _bytes(vocab, merges, special, {})
  added = read_json(vocab.with_name('added_tokens.json'))
  for token in sorted(added, key=lambda token: added[token]):
    # Times are words like others, which may be asked for.
    time = token[2:3].isdigit()
    one = AddedToken(token, normalized=False, special=not time)
    (made.add_tokens if time else made.add_special_tokens)([one])
  names = [config.get(name) for name in ('language', 'task')]
  names = ['startoftranscript', *(name for name in names if name)]
  if not config.get('predict_timestamps'):
    names.append('notimestamps')
  marks = [f'<|{name}|>' for name in names]
  marks = [mark for mark in marks if made.token_to_id(mark) is not None]
  return wrap(made, marks, special['eos'])


def _siglip(spiece: Spiece, special: Any, config: Any) -> Tokenizer:
  """Without capitals, punctuation and spaces at the ends.

  https://github.com/google-research/big_vision/blob/main/big_vision/evaluators/proj/image_text/prompt_engineering.py
  """
  made = _unigram(spiece)
  punctuation = ''.join(f'\\{c}' for c in string.punctuation)
  clean = [normalizers.Replace(_MARK, ' '), normalizers.Prepend(_MARK)]
  if config.get('do_lower_case', True):
    clean.append(normalizers.Lowercase())
  clean += [
    normalizers.Replace(Regex(f'[{punctuation}]'), ''),
    normalizers.Replace(Regex(r'[\s\x1c-\x1f]+'), ' '),
    normalizers.Strip(),
    *_charsmap(spiece),
    normalizers.Replace(Regex(' +'), ' '),
    normalizers.Replace(Regex(f'[ {_MARK}]+$'), ''),
    normalizers.Replace(' ', _MARK),
  ]
  made.normalizer = normalizers.Sequence(clean)
  add_special(made, special, lstrip=True, rstrip=True)
  return wrap(made, '', special['eos'])


def _t5(spiece: Spiece, special: Any, config: Any) -> Tokenizer:
  count = config.get('extra_ids', 100)
  extra = [f'<extra_id_{i}>' for i in reversed(range(count))]
  made = _unigram(spiece, behind=extra)
  made.normalizer = normalizers.Sequence(_charsmap(spiece))
  made.pre_tokenizer = _words()
  add_special(made, special)
  made.add_special_tokens(extra)
  return wrap(made, '', special['eos'])


def _xlm_roberta(spiece: Spiece, special: Any, config: Any) -> Tokenizer:
  del config
  names = [special[name] for name in ('bos', 'pad', 'eos', 'unk')]
  vocab = [(name, 0.0) for name in names]
  vocab += [(piece.text, piece.score) for piece in spiece.pieces[3:]]
  vocab.append((special['mask'], 0.0))
  made = Tokenizer(models.Unigram(vocab, 3, False))
  made.normalizer = normalizers.Sequence(_charsmap(spiece))
  made.pre_tokenizer = _words()
  add_special(made, special)
  return wrap(made, special['bos'], special['eos'])


def _llama(spiece: Spiece, special: Any, config: Any) -> Tokenizer:
  ids = {piece.text: i for i, piece in enumerate(spiece.pieces)}
  made = Tokenizer(
    models.BPE(ids, spiece.find_merges(), fuse_unk=True, byte_fallback=True)
  )
  scheme = 'always' if config.get('legacy') else 'first'
  if config.get('add_prefix_space') is False:
    scheme = 'never'
  made.pre_tokenizer = pre_tokenizers.Metaspace(_MARK, scheme, split=False)
  made.decoder = decoders.Sequence(
    [
      decoders.Replace(_MARK, ' '),
      decoders.ByteFallback(),
      decoders.Fuse(),
      decoders.Strip(' ', 1, 0),
    ]
  )
  _add_pieces(made, spiece)
  add_special(made, special)
  return mark_ends(made, special, config)


def _unigram(spiece: Spiece, *, behind: Any = ()) -> Tokenizer:
  vocab = [(piece.text, piece.score) for piece in spiece.pieces]
  vocab += [(text, 0.0) for text in behind]
  made = Tokenizer(models.Unigram(vocab, spiece.unknown, spiece.fallback))
  _add_pieces(made, spiece)
  return made


def _words() -> Any:
  return pre_tokenizers.Sequence(
    [
      pre_tokenizers.WhitespaceSplit(),
      pre_tokenizers.Metaspace(_MARK, 'always', split=True),
    ]
  )


def _charsmap(spiece: Spiece) -> list[Any]:
  return [normalizers.Precompiled(spiece.charsmap)] if spiece.charsmap else []


def _add_pieces(made: Tokenizer, spiece: Spiece) -> None:
  """Pieces that text is never cut into are found before it is."""
  for piece in spiece.pieces:
    if piece.kind in (CONTROL, USER):
      special = piece.kind == CONTROL
      token = AddedToken(piece.text, normalized=False, special=special)
      (made.add_special_tokens if special else made.add_tokens)([token])


_WORDS: dict[str, Callable[..., Tokenizer]] = {'bert': _wordpiece}
_PAIRS: dict[str, Callable[..., Tokenizer]] = {
  'clip': _clip,
  'gpt2': _bytes,
  'roberta': _bytes,
  'whisper': _whisper,
}
_PIECES: dict[str, Callable[..., Tokenizer]] = {
  'llama': _llama,
  'siglip': _siglip,
  't5': _t5,
  'xlmroberta': _xlm_roberta,
}
