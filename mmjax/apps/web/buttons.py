"""What the buttons of the page run: from what was sent to what is shown."""

import contextlib
import dataclasses
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mmjax.apps.dialogue import Dialogue
from mmjax.apps.web import markup
from mmjax.apps.web.limits import Limits, sentence
from mmjax.apps.web.tasks import Tasks
from mmjax.types import InputError

ORDER = ('image', 'text', 'audio')
"""Modalities in the order of people, in which their cells are given."""
Asked = Callable[..., Sequence[Any]]


@dataclasses.dataclass(frozen=True)
class Buttons:
  """A method for each tab; what is sent is looked at first.

  Cells are the paths of uploads, and words; they stand in `ORDER`, those that
  the task takes.
  """

  tasks: Tasks
  """What is asked."""
  limits: Limits
  """What people may send."""

  def search(self, kind: str, *cells: Any) -> list[Any]:
    """HTML of what was found."""
    inputs = self._take('search', cells)
    return [markup.results(self.tasks.search(inputs, kind=kind))]

  def classify(self, head: str, maps: bool, *cells: Any) -> list[Any]:
    """Probabilities; HTML of what each modality did, and of where."""
    inputs = self._take('classify', cells)
    told = self.tasks.classify(inputs, head=head, maps=bool(maps))
    figures = ''.join(markup.figure(m.png, m.caption) for m in told.maps)
    return [
      told.probabilities,
      told.effects,
      f'<div class="mm-maps">{figures}</div>' if figures else '',
    ]

  def classes(self, classes: str, prompts: str, *cells: Any) -> list[Any]:
    """Probabilities of classes that were typed in."""
    inputs = self._take('classes', cells)
    names = self.limits.class_names(classes)
    templates = self.limits.prompts(prompts)
    return [self.tasks.choose(inputs, names=names, prompts=templates)]

  def write(self, task: str, language: str | None, *cells: Any) -> list[Any]:
    """HTML of a transcript or caption."""
    inputs = self._take(task, cells)
    return [markup.words(self.tasks.write(task, inputs, language=language))]

  def chat(
    self, dialogue: Dialogue | None, *cells: Any
  ) -> Iterator[Sequence[Any]]:
    """The dialogue, HTML of it, and HTML of what was left out.

    Raises:
      InputError: it is long enough, or the question cannot be asked.
    """
    dialogue = dialogue or Dialogue.begin()
    if len(dialogue.messages) >= 2 * self.limits.questions:
      raise InputError(
        f'This dialogue has {self.limits.questions} questions: begin again.'
      )
    inputs = self._take('chat', cells)
    for said in self.tasks.chat(dialogue, inputs):
      shown = markup.dialogue(said.dialogue.messages)
      yield [said.dialogue, shown, markup.quiet(said.notice)]

  def _take(self, task: str, cells: Sequence[Any]) -> dict[str, Any]:
    """What was given, within the limits; what was not is left out."""
    limits = self.limits
    take = {'image': limits.picture, 'text': limits.text, 'audio': limits.sound}
    names = [name for name in ORDER if name in self.tasks.modalities(task)]
    taken = {
      name: take[name](cell) for name, cell in zip(names, cells, strict=True)
    }
    return {name: cell for name, cell in taken.items() if cell is not None}


def telling(ask: Asked, *, outputs: int) -> Asked:
  """The function with one more output, the first: HTML of what goes wrong.

  Args:
    ask: gives some outputs.
    outputs: how many; None each if something goes wrong.
  """

  def run(*values: Any) -> Sequence[Any]:
    with _told() as told:
      return ['', *ask(*values)]
    return [markup.message(told[0]), *[None] * outputs]

  return run


def telling_on(
  ask: Callable[..., Iterator[Sequence[Any]]], *, before: int
) -> Callable[..., Iterator[Sequence[Any]]]:
  """The same of a function that gives its outputs again and again.

  Args:
    ask: gives some outputs each time, the first of them its first input.
    before: how many outputs; they stay as they were if something goes wrong.
  """
  import gradio as gr

  def run(*values: Any) -> Iterator[Sequence[Any]]:
    with _told() as told:
      for found in ask(*values):
        yield ['', *found]
    if told:
      yield [markup.message(told[0]), *[gr.skip()] * before]

  return run


@contextlib.contextmanager
def _told() -> Iterator[list[str]]:
  """Keeps what goes wrong as a sentence; others go to the log."""
  told: list[str] = []
  try:
    yield told
  except Exception as error:
    told.append(sentence(error))
    if 'log of the server' in told[0]:
      traceback.print_exc(file=sys.stderr)
