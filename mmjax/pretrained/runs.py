"""From a run's parameters back to a folder that transformers loads."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import numpy as np

from mmjax.decoders.steps import bare
from mmjax.paths import map_named, named_leaves
from mmjax.pretrained.pretrained import export, load
from mmjax.pretrained.start import FromCheckpoint
from mmjax.types import InputError


def export_run(
  variables: Mapping[str, Any],
  folder: str | Path,
  *,
  model: nn.Module,
  start: FromCheckpoint,
) -> None:
  """Writes what a run has made of the checkpoint that it started from.

  Low-rank corrections are merged. Of a run that started from parts of the
  checkpoint, these are replaced, and the rest is as it was.

  Args:
    variables: of the run: `mmjax.train.read_variables(workdir)`.
    folder: it is made; files of the same names are replaced.
    model: of the run's config.
    start: of the run's config.

  Raises:
    InputError: the run has other parameters than the checkpoint.
  """
  _, found = bare(model, variables)
  rest = {name: x for name, x in found.items() if name != 'params'}
  here = named_leaves({**found['params'], **rest})
  loaded = load(start.name)
  there = named_leaves({**loaded.params, **loaded.collections})
  new = {}
  for name, old in start.names(there).items():
    shape = None if name not in here else tuple(here[name].shape)
    if shape != tuple(there[old].shape):
      raise InputError(
        f'{name} is {shape} in the run, {tuple(there[old].shape)} in '
        f'{start.name}'
      )
    new[old] = np.asarray(here[name])

  def put(name, x):
    return new.get(name, x)

  export(
    dataclasses.replace(
      loaded,
      params=map_named(put, loaded.params),
      collections=map_named(put, loaded.collections),
    ),
    folder,
  )
