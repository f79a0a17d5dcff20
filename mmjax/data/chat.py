"""Conversations as token ids, with places for pictures and sounds."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int

from mmjax.data.tokenizers import BEGIN, END, PAD, ByteTokenizer
from mmjax.types import InputError

Message = Mapping[str, Any]
"""`{'role': 'user', 'content': 'a text'}`, or as content a list of parts:
`{'type': 'text', 'text': 'a text'}` or `{'type': 'image'}`."""
ASSISTANT, SYSTEM = 'assistant', 'system'


@runtime_checkable
class Encoder(Protocol):
  """A tokenizer for pieces of a text: ByteTokenizer, Subwords, TokensFor."""

  def encode(self, text: str) -> Sequence[int]:
    """Ids of the text and nothing around them."""
    ...


class Conversation(NamedTuple):
  """A conversation as a model reads it.

  Attributes:
    text: ids.
    mask: which are real.
    answer: which of them an assistant said, the token that ends it among them.
    dropped: messages that were left out, since there was no room for them.
    items: modality -> which of its items, in their order, are still there.
  """

  text: Int[np.ndarray, ' t']
  mask: Bool[np.ndarray, ' t']
  answer: Bool[np.ndarray, ' t']
  dropped: int
  items: Mapping[str, Sequence[int]]


class _Turn(NamedTuple):
  role: str
  ids: list[int]
  answer: list[bool]
  items: list[tuple[str, int]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChatTemplate:
  """How messages become one text, each between the marks of its role.

  What does not fit is left out from the oldest message on; one that sets the
  scene, of the role `system`, stays.

  >>> chat = ChatTemplate(length=32, placeholders={'image': 260},
  ...                     tokens={'image': 2})
  >>> asked = [{'type': 'image'}, {'type': 'text', 'text': 'what?'}]
  >>> found = chat([{'role': 'user', 'content': asked},
  ...               {'role': 'assistant', 'content': 'a cat'}])
  >>> [int(id) for id in found.text[found.mask]][:8]
  [1, 89, 62, 36, 260, 260, 123, 108]
  >>> ByteTokenizer().decode(found.text[found.answer])
  'a cat'
  """

  tokenizer: Encoder = ByteTokenizer()
  """Turns pieces of text into ids."""
  length: int = 256
  """Ids of a conversation; the rest is padding."""
  before: Mapping[str, str] = dataclasses.field(
    default_factory=lambda: {SYSTEM: '', 'user': 'U: ', ASSISTANT: 'A: '}
  )
  """What stands before a message of each role."""
  after: Mapping[str, str] = dataclasses.field(
    default_factory=lambda: {SYSTEM: '\n', 'user': '\n', ASSISTANT: '\n'}
  )
  """What stands behind it; nothing behind an answer that is the last."""
  begin: int | None = BEGIN
  """Id at the very beginning, if any."""
  end: int = END
  """Id that ends what an assistant says, and stops one that writes."""
  pad: int = PAD
  """Id of the padding."""
  placeholders: Mapping[str, int] = dataclasses.field(default_factory=dict)
  """Id that stands for a token of each modality: those of `Assistant`."""
  tokens: Mapping[str, int] = dataclasses.field(default_factory=dict)
  """Tokens of an item of each modality."""

  def __post_init__(self):
    """Checks that roles and modalities match."""
    if set(self.before) != set(self.after):
      raise InputError(
        f'chat: before has the roles {sorted(self.before)}, after '
        f'{sorted(self.after)}'
      )
    if set(self.placeholders) != set(self.tokens):
      raise InputError(
        f'chat: placeholders are of {sorted(self.placeholders)}, tokens of '
        f'{sorted(self.tokens)}'
      )

  def __call__(
    self, messages: Sequence[Message], *, reply: bool = False
  ) -> Conversation:
    """Writes a conversation.

    Args:
      messages: the oldest first.
      reply: whether the assistant is to speak next: then its mark follows.

    Raises:
      InputError: a role or the type of a part is not known, or not even the
        last message fits.
    """
    counts = dict.fromkeys(self.placeholders, 0)
    turns = [self._turn(message, counts) for message in messages]
    if turns and turns[-1].role == ASSISTANT:
      turns[-1] = _answered(turns[-1])
    scene = [turn for turn in turns if turn.role == SYSTEM]
    others = [turn for turn in turns if turn.role != SYSTEM]
    first = [] if self.begin is None else [self.begin]
    last = self._encode(self.before[ASSISTANT]) if reply else []
    room = self.length - len(first) - len(last)
    room -= sum(len(turn.ids) for turn in scene)
    kept = others
    while kept and sum(len(turn.ids) for turn in kept) > room:
      kept = kept[1:]
    if others and not kept:
      raise InputError(
        f'a message of {len(others[-1].ids)} tokens does not fit into '
        f'{max(room, 0)}, which are left of length {self.length}'
      )
    ids, answer = [*first], [False] * len(first)
    items = {name: [] for name in self.placeholders}
    for turn in [*scene, *kept]:
      ids += turn.ids
      answer += turn.answer
      for name, number in turn.items:
        items[name].append(number)
    ids += last
    text = np.full(self.length, self.pad, np.int32)
    text[: len(ids)] = ids
    told = np.zeros(self.length, bool)
    told[: len(answer)] = answer
    mask = np.arange(self.length) < len(ids)
    return Conversation(text, mask, told, len(others) - len(kept), items)

  def _turn(self, message: Message, counts: dict[str, int]) -> _Turn:
    role = message['role']
    if role not in self.before:
      raise InputError(
        f'role {role!r} of a message is none of {sorted(self.before)}'
      )
    said, items = [], []
    content = message['content']
    if isinstance(content, str):
      content = [{'type': 'text', 'text': content}]
    for part in content:
      kind = part['type']
      if kind == 'text':
        said += self._encode(part['text'])
        continue
      if kind not in self.placeholders:
        raise InputError(
          f'part of type {kind!r} of a message is none of '
          f'{sorted(["text", *self.placeholders])}'
        )
      said += [self.placeholders[kind]] * self.tokens[kind]
      items.append((kind, counts[kind]))
      counts[kind] += 1
    speaks = role == ASSISTANT
    if speaks:
      said.append(self.end)
    before, after = (self._encode(x[role]) for x in (self.before, self.after))
    answer = [False] * len(before) + [speaks] * len(said)
    answer += [False] * len(after)
    return _Turn(role, [*before, *said, *after], answer, items)

  def _encode(self, text: str) -> list[int]:
    return list(self.tokenizer.encode(text)) if text else []


def _answered(turn: _Turn) -> _Turn:
  """The turn up to the end of its answer: a prompt for it ends before that."""
  count = max(i for i, told in enumerate(turn.answer) if told) + 1
  return turn._replace(ids=turn.ids[:count], answer=turn.answer[:count])
