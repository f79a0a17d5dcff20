"""Models that answer in dialogues: runs of `Assistant`, and language models."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from mmjax.apps.dialogue import Dialogue, Reply, Talker
from mmjax.data.chat import SYSTEM, ChatTemplate, Message
from mmjax.decoders.generate import make_stream
from mmjax.decoders.logits import Suppress
from mmjax.models.assistant import Assistant
from mmjax.pretrained.chat_template import chat_template, render
from mmjax.pretrained.generation import Options, continue_texts
from mmjax.types import Batch, InputError

_CHUNK = 4  # ids from one look at what is written to the next
_NEW = 256  # ids that a language model writes, where nobody says
_STEP = 64  # prompts are padded to multiples of it: few programs
_USER = '\nUser:'


def of_run(config: Any, model: Any) -> Any:
  """`(checkpoint, options) -> Talker` of a run, None if it does not answer."""
  if not isinstance(model, Assistant):
    return None
  chat = getattr(config.data, 'chat', None)
  if not isinstance(chat, ChatTemplate):
    return None
  return functools.partial(_AssistantTalker, chat)


def of_pretrained(loaded: Any) -> Any:
  """The same of a checkpoint: causal language models answer."""
  if loaded.architecture.generate is not continue_texts:
    return None
  if loaded.preprocess.text.tokenizer is None:
    return None
  return lambda _, options: _LanguageTalker(loaded, options)


def open_talker(checkpoint: Any, options: Options | None = None) -> Talker:
  """What answers for a checkpoint.

  Args:
    checkpoint: `mmjax.apps.checkpoint.Checkpoint`.
    options: how to write.

  Raises:
    InputError: it does not answer.
  """
  if checkpoint.talks is None:
    raise InputError(
      f'{checkpoint.name} does not answer: an Assistant does that was trained '
      'on dialogues, or a causal language model'
    )
  return checkpoint.talks(checkpoint, options or Options())


class _AssistantTalker:
  """A run of `Assistant`: reads pictures and sounds between words."""

  def __init__(self, chat: ChatTemplate, checkpoint: Any, options: Options):
    new = _longest(options, chat.length // 4, of=chat.length)
    self._chat = dataclasses.replace(chat, length=chat.length - new)
    self._checkpoint, self._options = checkpoint, options
    said = {'eos_token_id': chat.end, 'pad_token_id': chat.pad}
    places = tuple(chat.placeholders.values())
    decoding: Any = options.decoding(
      said, length=new, rules=(Suppress(tokens=places),)
    )
    self._run = make_stream(checkpoint.model, decoding, chunk=_CHUNK)

  @property
  def modalities(self) -> tuple[str, ...]:
    return tuple(name for name in self._checkpoint.modalities if name != 'text')

  def prepare(self, modality: str, cell: Any) -> Any:
    row = self._checkpoint.prepare({modality: cell})
    return row[modality], row['mask'][modality]

  def reply(self, dialogue: Dialogue) -> Iterator[Reply]:
    told = self._chat(dialogue.messages, reply=True)
    media = {
      name: [dialogue.media[name][i] for i in items]
      for name, items in told.items.items()
    }
    stream = self._run(
      self._checkpoint.variables,
      jnp.asarray(told.text[None]),
      jnp.asarray(told.mask[None]),
      batch=jax.device_put(self._batch(media)),
      keys=self._options.keys(1),
    )
    tokenizer: Any = self._chat.tokenizer
    for text in _texts(stream, tokenizer.decode):
      yield Reply(text, told.dropped)

  def _batch(self, media: Mapping[str, Sequence[Any]]) -> Batch:
    """A row of items of each modality, filled up to few different numbers."""
    batch: dict[str, Any] = {}
    masks = {}
    for name in self.modalities:
      items = list(media.get(name, ()))
      if not items:
        blank = self._checkpoint.prepare({})
        items = [(blank[name], blank['mask'][name] & False)]
      x, real = items[0]
      count = 1 << (len(items) - 1).bit_length()
      items += [(x * 0, real & False)] * (count - len(items))
      batch[name] = np.stack([x for x, _ in items])[None]
      masks[name] = np.stack([m for _, m in items])[None]
    return {**batch, 'mask': masks}


class _LanguageTalker:
  """A causal language model: words alone."""

  modalities = ()

  def __init__(self, loaded: Any, options: Options):
    self._loaded, self._options = loaded, options
    length = loaded.preprocess.text.length
    self._new = _longest(options, min(_NEW, length // 2), of=length)
    self._room = length - self._new
    self._template = chat_template(loaded.source)

  def prepare(self, modality: str, cell: Any) -> Any:
    raise InputError(f'{self._loaded.source} reads words alone, no {modality}')

  def reply(self, dialogue: Dialogue) -> Iterator[Reply]:
    ids, dropped = self._fit(dialogue.messages)
    text, mask = _padded(ids, most=self._room)
    decoding = self._options.decoding(self._loaded.generation, length=self._new)
    run = self._loaded.program(make_stream, decoding)
    stream = run(self._loaded.variables, text, mask, keys=self._options.keys(1))
    tokenizer = self._loaded.preprocess.text.tokenizer
    for found in _texts(stream, lambda row: tokenizer.decode(row.tolist())):
      # A model without a template goes on to ask the next question itself.
      said, marked, _ = found.partition(_USER)
      ends = bool(marked) and self._template is None
      yield Reply(said if ends else found, dropped)
      if ends:
        return

  def _fit(self, messages: Sequence[Message]) -> tuple[list[int], int]:
    """Ids of as many of the newest messages as there is room for."""
    scene = [one for one in messages if one['role'] == SYSTEM]
    others = [one for one in messages if one['role'] != SYSTEM]
    tokenizer = self._loaded.preprocess.text.tokenizer
    # An answer without its question tells little, so both go.
    for first in range(0, len(others), 2):
      kept = [_flat(one) for one in (*scene, *others[first:])]
      ids = tokenizer.encode(
        self._written(kept), add_special_tokens=self._template is None
      ).ids
      if len(ids) <= self._room:
        return ids, first
    raise InputError(
      f'the question has {len(ids)} tokens, more than the {self._room} that '
      'the model takes'
    )

  def _written(self, messages: Sequence[Mapping[str, str]]) -> str:
    if self._template is not None:
      return render(self._template, self._loaded.source, messages)
    names = {'user': 'User: ', 'assistant': 'Assistant: ', SYSTEM: ''}
    lines = [names[one['role']] + one['content'] for one in messages]
    return '\n'.join([*lines, 'Assistant:'])


def _longest(options: Options, usual: int, *, of: int) -> int:
  """Ids of an answer at most, among those that a model takes."""
  new = options.max_new_tokens or usual
  if not 0 < new < of:
    raise InputError(
      f'max_new_tokens {new} is not in 1 to {of - 1}: with the question the '
      f'model takes {of}'
    )
  return new


def _flat(message: Message) -> dict[str, str]:
  """With a text for its content; there is nothing else in it."""
  content = message['content']
  if not isinstance(content, str):
    content = ''.join(part['text'] for part in content)
  return {'role': message['role'], 'content': content}


def _padded(
  ids: Sequence[int], *, most: int
) -> tuple[Int[Array, '1 t'], Bool[Array, '1 t']]:
  length = min(-(-len(ids) // _STEP) * _STEP, most)
  text = np.zeros((1, length), np.int32)
  text[0, : len(ids)] = ids
  return jnp.asarray(text), jnp.arange(length)[None] < len(ids)


def _texts(stream: Iterator[Any], decode: Any) -> Iterator[str]:
  """All that is written so far, after each look."""
  ids = np.zeros(0, np.int32)
  for part in stream:
    ids = np.concatenate([ids, part.tokens[0][part.mask[0]]])
    # A letter of which only the first bytes are written is no letter yet.
    yield decode(ids).strip().rstrip('\ufffd')
