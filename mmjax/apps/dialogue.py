"""What was said so far, and what answers: the same for command and page."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from mmjax.data.chat import ASSISTANT, SYSTEM, Message
from mmjax.types import InputError

Attached = Sequence[tuple[str, Any]]
"""Pairs of a modality and what `Talker.prepare` made."""


class Reply(NamedTuple):
  """An answer, as far as it is written.

  Attributes:
    text: all so far.
    dropped: oldest messages for which the model has no room any more.
  """

  text: str
  dropped: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dialogue:
  """Messages, the oldest first, and what is attached to them."""

  messages: tuple[Message, ...] = ()
  """As `mmjax.data.chat.ChatTemplate` takes them."""
  media: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
  """Modality -> what is attached, in its order."""

  @classmethod
  def begin(cls, system: str = '') -> 'Dialogue':
    """One in which nothing was said but what sets the scene."""
    scene = {'role': SYSTEM, 'content': system}
    return cls(messages=(scene,) if system else ())

  def asked(self, text: str, attached: Attached = ()) -> 'Dialogue':
    """With a question.

    Args:
      text: its words; may be empty where something is attached.
      attached: what stands before them.

    Raises:
      InputError: it is neither words nor anything else.
    """
    if not text and not attached:
      raise InputError('the question is empty')
    content: list[Any] = [{'type': name} for name, _ in attached]
    content += [{'type': 'text', 'text': text}] if text else []
    media = dict(self.media)
    for name, x in attached:
      media[name] = (*media.get(name, ()), x)
    message = {'role': 'user', 'content': content}
    return Dialogue(messages=(*self.messages, message), media=media)

  def answered(self, text: str) -> 'Dialogue':
    """With an answer."""
    message = {'role': ASSISTANT, 'content': text}
    return dataclasses.replace(self, messages=(*self.messages, message))


@runtime_checkable
class Talker(Protocol):
  """A model that answers."""

  @property
  def modalities(self) -> tuple[str, ...]:
    """What can be attached to a question."""
    ...

  def prepare(self, modality: str, cell: Any) -> Any:
    """What a dialogue keeps of an attachment.

    Args:
      modality: one of `modalities`.
      cell: a file, see `mmjax.apps.cells.Cell`.

    Raises:
      InputError: the model takes no such thing.
      RecordError: it cannot be read.
    """
    ...

  def reply(self, dialogue: Dialogue) -> Iterator[Reply]:
    """What it says to the last question, again and again while it writes.

    Raises:
      InputError: not even the last question fits.
    """
    ...


def notice(dropped: int) -> str:
  """A sentence on messages that were left out; empty if none was."""
  if not dropped:
    return ''
  what = 'message is' if dropped == 1 else f'{dropped} messages are'
  return f'the oldest {what} left out: the model has no more room'
