"""What a text of Whisper begins with: start, language, task, times or none."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmjax.decoders.logits import Allow
from mmjax.decoders.sampling import Greedy
from mmjax.types import InputError


def make_prompts(
  loaded: Any,
  run: Any,
  first: Sequence[np.ndarray],
  *,
  timed: bool,
  language: str | Sequence[str] | None,
  task: str | None,
) -> np.ndarray:
  """What each text begins with; the language is heard if nothing tells it.

  Args:
    loaded: `Pretrained` of a Whisper.
    run: `(decoding, windows, prompts) -> Generated`.
    first: the first window of each sound.
    timed: whether times are written.
    language: for all sounds or for each.
    task: what is to be done.

  Raises:
    InputError: the checkpoint has no such language or task.
  """
  said = loaded.generation
  language = language if language is not None else said.get('language')
  task = task if task is not None else said.get('task')
  start = said.get('decoder_start_token_id')
  if start is None:
    raise InputError('generation_config.json has no decoder_start_token_id')
  head = [start]
  if task is None and language is None:
    forced = said.get('forced_decoder_ids')
    forced = forced or loaded.config.get('forced_decoder_ids') or ()
    head += [token for _, token in forced]
  ids = said.get('lang_to_id') or {}
  rows = [[*head] for _ in first]
  spoken: list[int] | None = None
  if language is not None:
    each = [language] * len(rows) if isinstance(language, str) else language
    if len(each) != len(rows):
      raise InputError(f'{len(each)} languages for {len(rows)} sounds')
    spoken = [_language(ids, one) for one in each]
  elif ids and (len(head) == 1 or head[1] is None):
    hears = Greedy(length=1, rules=(Allow(tokens=tuple(ids.values())),))
    found = run(hears, first, [[start]] * len(rows))
    spoken = found.tokens[:, 0].tolist()
  for i, row in enumerate(rows):
    if spoken is not None:
      row[1:2] = [spoken[i]]
    _add_task(row, said, task, language is not None)
    without = said.get('no_timestamps_token_id')
    if timed:
      rows[i] = row[:-1] if row[-1] == without else row
    elif without is not None and row[-1] != without:
      row.append(without)
    rows[i] = [token for token in rows[i] if token is not None]
  return np.asarray(rows, np.int32)


def _add_task(
  row: list[int], said: Mapping[str, Any], task: str | None, spoken: bool
) -> None:
  """What is to be done, in place of what stands there."""
  ids = said.get('task_to_id') or {}
  if task is not None:
    if task not in ids:
      raise InputError(f'task {task!r} is not one of {sorted(ids)}')
    row.append(ids[task])
  elif spoken and 'transcribe' in ids and not set(row) & set(ids.values()):
    row.append(ids['transcribe'])


def _language(ids: Mapping[str, int], name: str) -> int:
  for key in (name.lower(), f'<|{name.lower()}|>'):
    if key in ids:
      return ids[key]
  known = [key.strip('<|>') for key in sorted(ids)]
  raise InputError(f'language {name!r} is not one of {known}')
