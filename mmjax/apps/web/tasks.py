"""What the page asks a checkpoint and an index."""

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mmjax.apps.dialogue import Dialogue, Talker, notice
from mmjax.apps.opening import open_checkpoint
from mmjax.apps.search import Index
from mmjax.apps.talking import open_talker
from mmjax.apps.web import markup
from mmjax.apps.web.explain import Explainer, Map
from mmjax.apps.web.found import Found
from mmjax.types import InputError

Inputs = Mapping[str, Any]
"""Modality -> the cell of a record: an upload or words."""
_KINDS = {'pictures': 'image', 'sounds': 'audio', 'words': 'text'}
_RESULTS = 12
_WANTED = {'image': 'a picture', 'text': 'words', 'audio': 'a sound'}


class Told(NamedTuple):
  """An answer, and why.

  Attributes:
    probabilities: of each class.
    effects: HTML of what each modality did for the likeliest.
    maps: drawings of where it mattered.
  """

  probabilities: Mapping[str, float]
  effects: str
  maps: Sequence[Map]


class Said(NamedTuple):
  """A dialogue that goes on.

  Attributes:
    dialogue: with the newest answer, as far as it is written.
    notice: what had to be left out; may be empty.
  """

  dialogue: Dialogue
  notice: str


@dataclasses.dataclass(frozen=True)
class Tasks:
  """Runs what people ask for; what they send is within the limits already."""

  checkpoint: Any
  """What answers: `apps.checkpoint.Checkpoint`."""
  index: Any = None
  """What is searched: `apps.search.Index`, if anything."""

  def modalities(self, task: str) -> tuple[str, ...]:
    """What can be given for a task; nothing if the checkpoint cannot do it."""
    there = self.checkpoint.modalities
    writes = self.checkpoint.writes is not None
    if task == 'search' and self.index is not None:
      return self.checkpoint.embeds
    if task == 'classify' and self.checkpoint.labels:
      return there
    if task == 'classes' and 'text' in self.checkpoint.embeds:
      return tuple(n for n in self.checkpoint.embeds if n != 'text')
    if task == 'transcribe' and writes and 'audio' in there:
      return ('audio',)
    if task == 'caption' and writes and 'image' in there:
      return tuple(name for name in there if name != 'audio')
    if task == 'chat' and self.checkpoint.talks is not None:
      return (*self.talker.modalities, 'text')
    return ()

  @property
  def heads(self) -> tuple[str, ...]:
    """Heads that classify, the one that sees most first."""
    return tuple(self.checkpoint.labels)

  @property
  def languages(self) -> tuple[str, ...]:
    """Languages, or other kinds of texts, that it can be told to write."""
    return tuple(self.checkpoint.prompts)

  def classify(self, inputs: Inputs, *, head: str, maps: bool) -> Told:
    """Asks a head about one example.

    Raises:
      InputError: what the head looks at was not given, or cannot be read.
    """
    _require(inputs, self.modalities('classify'))
    if head not in self.heads:
      raise InputError('There is no such question.')
    owner = self._owners.get(head)
    if owner is not None and owner not in inputs:
      raise InputError(f'This question is about {_WANTED[owner]}: give one.')
    names = self.checkpoint.labels[head]
    batch = self.checkpoint.batch([inputs])
    found = self._explainer.left_out(batch, head=head)
    answer = int(found.answer[0])
    there = [n for n, m in batch['mask'].items() if np.any(m)]
    effects = markup.effects(
      names[answer],
      float(np.exp(found.scores[0, answer])),
      {n: float(np.exp(found.without[n][0, answer])) for n in there},
      {n: float(found.effect[n][0]) for n in there},
    )
    drawn: Sequence[Map] = ()
    if maps:
      drawn = self._explainer.drawn(
        batch, head=head, answer=answer, name=names[answer]
      )
    shares = np.exp(found.scores[0]).tolist()
    return Told(dict(zip(names, shares, strict=True)), effects, drawn)

  def choose(
    self, inputs: Inputs, *, names: Sequence[str], prompts: Sequence[str]
  ) -> dict[str, float]:
    """Probabilities of classes that were never trained, by their names.

    Args:
      inputs: a picture or a sound.
      names: of the classes.
      prompts: templates with `{}` for the name; see `evaluators.ZeroShot`.

    Raises:
      InputError: nothing or both were given, or it cannot be read.
    """
    can = self.modalities('classes')
    _require(inputs, can)
    if len(inputs) > 1:
      wanted = ' or '.join(_WANTED[name] for name in can)
      raise InputError(f'Give {wanted}, not both.')
    [(modality, cell)] = inputs.items()
    found = self.checkpoint.choose(modality, [cell], names, prompts=prompts)
    return dict(zip(names, found[0].tolist(), strict=True))

  def search(
    self, inputs: Inputs, *, kind: str
  ) -> dict[str, list[markup.Card]]:
    """What is nearest to what was given, the nearest first, by kind.

    Kinds are searched one after the other, because similarities of words to
    words and of words to pictures do not compare.

    Args:
      inputs: of one modality, or of several: what is near to all of them.
      kind: a key of `kinds`, or `all`.

    Raises:
      InputError: nothing was given, or it cannot be read.
    """
    _require(inputs, self.modalities('search'))
    if kind not in ('all', *self.kinds):
      raise InputError('There is nothing of that kind.')
    chosen = self.kinds if kind == 'all' else {kind: self.kinds[kind]}
    count = math.ceil(_RESULTS / len(chosen))
    return {
      name: [
        self._found.card(hit)
        for hit in self.index.query(**inputs, k=count, modality=modality)
      ]
      for name, modality in chosen.items()
    }

  @property
  def kinds(self) -> dict[str, str]:
    """What people call the things that can be found -> their modality."""
    there = () if self.index is None else self.index.meta['modalities']
    return {name: m for name, m in _KINDS.items() if m in there}

  @functools.cached_property
  def _found(self) -> Found:
    return Found(self.index)

  def write(self, task: str, inputs: Inputs, *, language: str | None) -> str:
    """What is said in a sound, or a text about a picture.

    Raises:
      InputError: it was not given, or cannot be read.
    """
    _require(inputs, self.modalities(task)[:1])
    if language is not None and language not in self.languages:
      raise InputError('There is no such language.')
    return self.checkpoint.write([inputs], language=language)[0]

  @functools.cached_property
  def talker(self) -> Talker:
    """What answers in dialogues."""
    return open_talker(self.checkpoint)

  def chat(self, dialogue: Dialogue, inputs: Inputs) -> Iterator[Said]:
    """Asks something, and gives the answer again and again while it is written.

    Raises:
      InputError: nothing was given, or it cannot be read or does not fit.
    """
    _require(inputs, self.modalities('chat'))
    attached = [
      (name, self.talker.prepare(name, cell))
      for name, cell in inputs.items()
      if name != 'text'
    ]
    asked = dialogue.asked(inputs.get('text', ''), attached)
    for reply in self.talker.reply(asked):
      yield Said(asked.answered(reply.text), notice(reply.dropped))

  @functools.cached_property
  def _owners(self) -> dict[str, str]:
    """Heads that look at one modality alone, and at which."""
    of = getattr(self.checkpoint.model, 'modality_heads', {})
    names = {key: name for name, key in self.checkpoint.keys.items()}
    return {h: names.get(key, key) for key, heads in of.items() for h in heads}

  @functools.cached_property
  def _explainer(self) -> Explainer:
    return Explainer(
      self.checkpoint.model,
      self.checkpoint.variables,
      rate=self.checkpoint.records.audio_rate,
      kinds=self.checkpoint.kinds,
    )


def open_tasks(checkpoint: str, index: str | None) -> Tasks:
  """Opens what is used.

  Raises:
    InputError: it cannot be used, or can do nothing that the page shows.
  """
  opened = open_checkpoint(checkpoint)
  if index is not None:
    _ = Index(index, checkpoint=opened).checkpoint  # or says what is wrong
  # Where it is here is nobody's business: it stands in errors.
  opened = dataclasses.replace(opened, name='This model')
  made = None if index is None else Index(index, checkpoint=opened)
  tasks = Tasks(opened, made)
  if not any(map(tasks.modalities, TASKS)):
    raise InputError(
      f'{checkpoint} neither classifies, writes nor answers'
      + ('' if index else ', and there is no --index to search')
    )
  return tasks


TASKS = ('search', 'classify', 'classes', 'transcribe', 'caption', 'chat')


def _require(inputs: Inputs, names: Sequence[str]) -> None:
  if not any(name in inputs for name in names):
    wanted = ' or '.join(_WANTED[name] for name in names)
    raise InputError(f'Give {wanted} first.')
