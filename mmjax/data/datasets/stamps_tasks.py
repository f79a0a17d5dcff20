"""Texts to write about Tux Paint's stamps: captions, translations, answers."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Int

from mmjax.data import audio, splits, subwords
from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import stamps_cache
from mmjax.data.datasets.stamps import Stamps
from mmjax.data.datasets.stamps_items import Captions, Item, Task
from mmjax.data.sources.records import Records
from mmjax.data.subwords import Subwords
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.types import InputError

VIEWS = ('default', 'seen')


@dataclasses.dataclass(frozen=True, kw_only=True)
class StampsTasks:
  """The data set: in training an item of a stamp is drawn, else each is a row.

  The split is that of the stamps. Views:

    default: the items of a split's stamps.
    seen: whatever the split, those of every eighth stamp of the training split,
      as they are scored: what a model knows by heart.
  """

  stamps: Stamps = Stamps()
  """Where they are, and how their pictures and sounds become arrays."""
  task: Task = Captions()
  """Captions, Translations or Questions."""
  vocabulary: int | None = None
  """Token ids: byte-level BPE, learned from the training split; bytes if
  None."""
  source_length: int = 96
  """Tokens of what is read, begin and end included."""
  text_length: int = 96
  """Tokens of what is written."""
  training_length: int | None = None
  """Tokens of it that training looks at, the first ones; all if None. Most
  texts are short."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What the stamps do with files that cannot be read is theirs to say."""

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """Names of the kinds of texts."""
    return {'kind': self.task.kinds}

  @property
  def prompts(self) -> Mapping[str, str]:
    """Kind of text -> what is written before one and given."""
    return getattr(self.task, 'prompts', {})

  def as_records(self, root: str = '') -> Records:
    """As the stamps are; the text is what is read."""
    tokenizer = dataclasses.replace(self.tokenizer, length=self.source_length)
    return dataclasses.replace(
      self.stamps.as_records(root),
      tokenizer=tokenizer,
      text_length=self.source_length,
    )

  def check(self) -> None:
    """Looks whether the folder is there and holds stamps.

    Raises:
      InputError: it does not.
    """
    self.stamps.check()

  @functools.cached_property
  def tokenizer(self) -> Any:
    """Of what is written; its vocabulary is learned at first.

    Raises:
      InputError: the vocabulary cannot be kept.
    """
    if self.vocabulary is None:
      return ByteTokenizer(length=self.text_length)
    # Each text once, or each would count as often as there are pairs with it.
    texts = []
    for _, stamp in self.stamps.located('train'):
      if splits.split_of(stamp.name) == 'train':
        items = self.task.training(stamp)
        parts = (part for i in items for part in (i.source, i.prompt, i.answer))
        texts += dict.fromkeys(parts)
    file = subwords.learn_once(
      texts,
      self.stamps.cache,
      name='stamps',
      vocabulary=self.vocabulary,
      option='--data.stamps.cache',
    )
    return Subwords(file=file, length=self.text_length)

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """Rows of a split.

    Raises:
      InputError: there is no such split or view, or nothing to write.
    """
    check_name('split of stamps', split, SPLITS)
    check_name('view of stamps', view, VIEWS)
    draws = split == 'train' and view == 'default'
    stamps = self.stamps.located('train' if view == 'seen' else split)
    rows = []
    for row, stamp in stamps[:: 8 if view == 'seen' else 1]:
      row['tokenizer'] = self.tokenizer
      if not draws:
        items = self.task.evaluation(stamp)
        rows += [{**row, 'item': item} for item in items]
      elif self.task.training(stamp):
        rows.append({**row, 'item': None})
    if not rows:
      raise InputError(f'no stamp of the split {split} has a text to write')
    return rows

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """Arrays of one item.

    Returns:
      image uint8 [image_size image_size 3]; audio float32 [audio_length];
      source int32 [source_length]; text int32 [text_length], or in training
      [training_length], the prompt and the answer; their masks; answer bool,
      which of the text is it; kind int32, -1 where the item has none.
    """
    place = (example['directory'], example['split'], example['index'])
    stamp = stamps_cache.read_stamp(*place)
    item, cut = example['item'], None
    if item is None:
      cut = self.training_length
      items = self.task.training(stamp)
      item = items[0 if rng is None else int(rng.integers(len(items)))]
    tokenizer = example['tokenizer']
    longer = dataclasses.replace(tokenizer, length=self.source_length)
    source, source_mask = longer(item.source)
    text, mask, answer = (x[:cut] for x in _behind(item, tokenizer))
    speech = np.zeros(0, np.int16)
    if item.speech is not None:
      speech = stamp.speech[item.speech]
    sound, sound_mask = audio.to_length(speech, self.stamps.audio_length)
    kinds = self.task.kinds
    return {
      'image': self.stamps.picture(stamp, rng),
      'audio': sound,
      'source': source,
      'text': text,
      'mask': {
        'image': np.bool_(item.picture and stamp.image is not None),
        'audio': sound_mask,
        'source': source_mask & bool(item.source),
        'text': mask,
      },
      'answer': answer,
      'kind': np.int32(kinds.index(item.kind) if item.kind in kinds else -1),
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class StampsTokenizer:
  """Decodes what is written; nothing is read or learned before it is asked."""

  tasks: Any = StampsTasks()
  """The data set: StampsTasks or StampsDialogues."""

  def decode(self, ids: Int[np.ndarray, ' t']) -> str:
    """Text up to the first end token."""
    return self.tasks.tokenizer.decode(ids)


def _behind(
  item: Item, tokenizer: Any
) -> tuple[
  Int[np.ndarray, ' t'], Bool[np.ndarray, ' t'], Bool[np.ndarray, ' t']
]:
  """The answer behind the prompt, what is real, and what is the answer.

  Each is cut into tokens alone: those of the prompt are the same whatever
  follows.
  """
  prompt, mask = tokenizer(item.prompt)
  given = int(mask.sum()) - 1  # without the end
  # The answer has a token for its begin, which nothing stands for here.
  rest = dataclasses.replace(tokenizer, length=tokenizer.length - given + 1)
  answer, real = rest(item.answer)
  text = np.concatenate([prompt[:given], answer[1:]])
  mask = np.concatenate([mask[:given], real[1:]])
  return text, mask, mask & (np.arange(mask.size) >= given)
