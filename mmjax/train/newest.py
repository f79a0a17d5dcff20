"""The newest checkpoint that is whole, and what becomes of damaged ones."""

from pathlib import Path

import jax

from mmjax.train import processes
from mmjax.train.checksums import find_damage
from mmjax.train.logs import say
from mmjax.types import InputError

UNFINISHED = '.orbax-checkpoint-tmp'
"""What Orbax adds to the name of a checkpoint until it is whole."""
# What Orbax reads of every checkpoint, not only of the one that it restores.
_SMALL = ('meta/', 'metrics/')


def find_newest(folder: Path, *, repair: bool) -> int | None:
  """Finds the newest checkpoint that its checksums hold for.

  Several processes share the reading and find the same.

  Args:
    folder: that of all checkpoints, each in one named after its step.
    repair: whether a damaged checkpoint gets the name `<step>.corrupt`, and
      those that another process left unfinished are told of.

  Returns:
    Its step, or None where there is no checkpoint.

  Raises:
    InputError: there are checkpoints, but every one is damaged.
  """
  steps = sorted(map(int, filter(str.isdigit, _names(folder))), reverse=True)
  steps = processes.agree(steps)
  damage: dict[int, str] = {}
  newest = None
  for step in steps:
    one = folder / str(step)
    share = jax.process_index(), jax.process_count()
    if newest is None:
      found = find_damage(one, share=share)
    else:
      found = find_damage(one, under=_SMALL) if repair else None
    found = processes.first_reason(found)
    if found is not None:
      damage[step] = found
    elif newest is None:
      newest = step
  if damage and newest is None:
    said = '; '.join(f'{step}: {why}' for step, why in damage.items())
    raise InputError(
      f'every checkpoint in {folder} is damaged ({said}); restore one, or move '
      'them away to start anew'
    )
  if repair:
    for name in _names(folder):
      if UNFINISHED in name:
        say(f'warning: checkpoint {name.split(".")[0]} was not finished')
  for step, why in damage.items():
    said = f'warning: checkpoint {folder / str(step)} is damaged: {why}'
    if repair:
      # Orbax refuses to save a step that is older than one it sees.
      away = _free_name(folder / f'{step}.corrupt')
      said += f'; it is now {away.name}'
      if jax.process_index() == 0:
        (folder / str(step)).rename(away)
    say(f'{said}; using {newest}')
  processes.wait('checkpoints checked')
  return newest


def _names(folder: Path) -> list[str]:
  if not folder.is_dir():
    return []
  return sorted(path.name for path in folder.iterdir() if path.is_dir())


def _free_name(path: Path) -> Path:
  found, number = path, 1
  while found.exists():
    number += 1
    found = path.with_name(f'{path.name}-{number}')
  return found
