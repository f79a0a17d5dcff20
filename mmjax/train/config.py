"""What a run is made of, and how a file and a command line become that.

A config file defines `get_config() -> Config`, and the modules, data and
objectives that it holds are their own options: `--model.encoders.image.width`
is the field of the very module that will run.
"""

import dataclasses
import difflib
import importlib.util
import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from mmjax.data.balance import Balance
from mmjax.paths import check_patterns
from mmjax.train.mesh import MeshShape
from mmjax.train.optimizer import AdamW, Optimizer
from mmjax.train.same import same_again
from mmjax.train.sharding import TRANSFORMER_RULES, Rules
from mmjax.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checkpointing:
  """When to look at the validation split and save, and what to keep."""

  every: int = 500
  """Steps from one checkpoint to the next; the last step is always saved."""
  keep: int = 2
  """How many of the newest checkpoints stay."""
  best: str | None = 'fused/accuracy'
  """Validation number whose best checkpoint stays too; the largest is best."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    for name in ('every', 'keep'):
      if getattr(self, name) < 1:
        raise ValueError(f'checkpoint.{name} {getattr(self, name)} is below 1')


@dataclasses.dataclass(frozen=True, kw_only=True)
class WarmStart:
  """Which parameters of another run a new one starts from.

  Only the first start of a run reads them. Patterns are regular expressions,
  searched for in paths such as `encoders_image/patches/kernel`.
  """

  workdir: Path | None = None
  """Folder of the other run; None starts from random parameters."""
  step: int | None = None
  """Which of its checkpoints; the newest if None."""
  take: tuple[str, ...] = ()
  """Patterns of what to load; everything that fits if empty."""
  skip: tuple[str, ...] = ()
  """Patterns of what not to load."""
  rename: Mapping[str, str] = dataclasses.field(default_factory=dict)
  """Pattern in the other run's paths -> what stands there in this run's."""
  use_ema: bool = False
  """Whether to load the moving average instead of the parameters."""

  def __post_init__(self):
    """Checks the patterns."""
    check_patterns('warm_start.take', self.take)
    check_patterns('warm_start.skip', self.skip)
    check_patterns('warm_start.rename', [*self.rename])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
  """One experiment."""

  model: Any
  """Linen module, called with a batch."""
  data: Any
  """Data set: `mmjax.data.pipeline.Dataset`."""
  objectives: Mapping[str, Any]
  """Losses by name; each has its own `weight`."""
  evaluators: Mapping[str, Any]
  """What is measured, on the validation split now and then, on test at last."""
  sweeps: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  """Evaluators that only `--evaluate` runs: those that take long."""
  optimizer: Any = AdamW()
  """Optimiser and learning-rate schedule: `mmjax.train.optimizer`."""
  regularizer: Any = None
  """`params -> scalar`, added to the loss once: L1 or L2."""
  warm_start: WarmStart = WarmStart()
  """Start from another run's parameters."""
  start: Any = None
  """Start from parameters of something else: `mmjax.train.start.Start`, such as
  `pretrained.FromCheckpoint`."""
  steps: int = 1000
  """Steps of training."""
  batch_size: int = 128
  """Examples in a step, over all devices and processes."""
  seed: int = 0
  """Seed of parameters, order of examples, augmentation and dropout."""
  drop_modalities: Mapping[str, float] = dataclasses.field(default_factory=dict)
  """Probability that training hides a modality of an example, by modality."""
  mix: Any = None
  """How training makes new examples out of two: `mmjax.data.mixing.Mix`."""
  balance: Balance = Balance()
  """How often training meets each class."""
  compute_dtype: Literal['auto', 'float32', 'bfloat16', 'float64'] = 'auto'
  """Precision of the model; `auto` is bfloat16 on accelerators. Parameters and
  optimiser are float32 with all but float64, which is to compare runs with and
  needs JAX_ENABLE_X64=1."""
  strategy: Literal['jit', 'pmap'] = 'jit'
  """How devices share the work: `jit` over the mesh, or `pmap`, which keeps all
  parameters on each device."""
  mesh: MeshShape = MeshShape()
  """Devices along each axis of the mesh."""
  sharding_rules: Rules = TRANSFORMER_RULES
  """Pattern of a parameter's path -> mesh axis for each of its axes."""
  fsdp_min_size: int = 2**16
  """Parameters with fewer scalars are not split over `fsdp`."""
  accumulate: int = 1
  """Micro-batches that a batch is taken in; less memory, the same gradients."""
  ema_decay: float = 0.0
  """Decay of a moving average of the parameters, which is evaluated beside
  them; 0 keeps none."""
  workers: int = 0
  """Processes that prepare data; 0 uses threads of this one."""
  log_every: int = 10
  """Steps from one line of `metrics.jsonl` to the next."""
  checkpoint: Checkpointing = Checkpointing()
  """When to validate and save."""
  on_nonfinite: Literal['stop', 'skip'] = 'stop'
  """What to do at a step whose loss or gradient is NaN or infinite: end the run
  and leave `nonfinite.json`, or leave the step out and count it."""
  watchdog_seconds: float = 1800.0
  """The run ends when nothing, a compilation included, was done for so long; 0
  waits for ever."""
  profile: int = 0
  """Steps to trace, after a few, for TensorBoard and Perfetto."""
  peak_flops: float | None = None
  """FLOP/s of a device that MFU is measured against; by default that in
  bfloat16, where the device is known."""

  def __post_init__(self):
    """Checks the fields' ranges."""
    for name in ('steps', 'batch_size', 'log_every', 'accumulate'):
      if getattr(self, name) < 1:
        raise ValueError(f'{name} {getattr(self, name)} is below 1')
    if not 0 <= self.ema_decay < 1:
      raise ValueError(f'ema_decay {self.ema_decay} is not in [0, 1)')
    if not isinstance(self.optimizer, Optimizer):
      raise ValueError(
        f'optimizer {self.optimizer!r} has no build() and schedule()'
      )
    if self.start is not None and self.warm_start.workdir is not None:
      raise ValueError(
        f'warm_start.workdir {self.warm_start.workdir} and start are both given'
      )
    for name in ('watchdog_seconds', 'profile', 'peak_flops'):
      if (getattr(self, name) or 0) < 0:
        raise ValueError(f'{name} {getattr(self, name)} is negative')
    for name, rate in self.drop_modalities.items():
      if not 0 <= rate <= 1:
        raise ValueError(f'drop_modalities.{name} {rate} is not in [0, 1]')


def load_config(path: Path, args: Sequence[str] = ()) -> Config:
  """Reads a config file and applies command-line options to it.

  A config whose model depends on the data (how many classes it has) is a
  function of it: `get_config(*, data=Records())`. What it is given is the
  default of `data`, to which the options `--data...` have been applied.

  Args:
    path: Python file that defines `get_config() -> Config`; behind a colon what
      `get_config` is given, as in `configs/clip_finetune.py:runs/clip`.
    args: options such as `['--optimizer.peak-lr', '3e-4']`.

  Returns:
    The config with its options applied.

  Raises:
    InputError: no such file, no `get_config`, or fields that do not fit.
    SystemExit: an option is unknown or its value of the wrong type (code 2), or
      help was asked for (code 0); said on the terminal.
  """
  file, argument = split_argument(path)
  module = _import(file)
  if not hasattr(module, 'get_config'):
    raise InputError(f'{file} defines no get_config()')
  given = () if argument is None else (argument,)
  signature = inspect.signature(module.get_config)
  try:
    signature.bind(*given)
  except TypeError as error:
    raise InputError(
      f'{path}: get_config{signature} is given what stands behind the colon of '
      f'{file}:ARGUMENT: {error}'
    ) from error
  data = signature.parameters.get('data')
  try:
    if data is None or data.kind is not inspect.Parameter.KEYWORD_ONLY:
      default = module.get_config(*given)
    else:
      default = _from_data(module.get_config, given, data.default, path, args)
  except ValueError as error:
    raise InputError(f'{path}: {error}') from error
  if not args:
    return default
  try:
    given = tyro.cli(
      Annotated[Any, tyro.conf.arg(name='')],
      default=default,
      args=list(args),
      prog=f'train.py --config {path}',
      description=(default.__doc__ or '').strip(),
    )
    return same_again(default, given)
  except ValueError as error:
    raise InputError(str(error)) from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Data:
  """The only part of a config that its model depends on."""

  data: Any
  """Data set."""


def _from_data(
  get_config: Any,
  given: tuple[str, ...],
  data: Any,
  path: Path,
  args: Sequence[str],
) -> Config:
  """The config for what the options `--data...` name; see `load_config`."""

  def parse(args: Sequence[str]) -> Any:
    return tyro.cli(
      Annotated[Any, tyro.conf.arg(name='')],
      default=_Data(data=data),
      args=list(args),
      prog=f'train.py --config {path}',
      return_unknown_args=True,
    )

  own = [arg for arg in args if arg not in ('-h', '--help')]
  found, _ = parse(own)
  try:
    return get_config(*given, data=found.data)
  except InputError:
    if len(own) < len(args):
      # There is no model yet whose options could be told.
      parse(['--help'])
    raise


def split_argument(path: Path) -> tuple[Path, str | None]:
  """The config's file, and what stands behind a colon after it.

  Example:
    >>> split_argument(Path('configs/clip_finetune.py:runs/clip'))[1]
    'runs/clip'
  """
  file, end, argument = str(path).partition('.py:')
  return (Path(f'{file}.py'), argument) if end else (path, None)


def _import(path: Path) -> Any:
  if not path.is_file():
    names = [other.name for other in path.parent.glob('*.py')]
    near = difflib.get_close_matches(path.name, names)
    hint = f'; near names: {", ".join(near)}' if near else ''
    raise InputError(f'no config file {path}{hint}')
  name = f'mmjax_config_{path.stem}'
  spec = importlib.util.spec_from_file_location(name, path)
  if spec is None or spec.loader is None:
    raise InputError(f'{path} is not a Python file')
  module = importlib.util.module_from_spec(spec)
  # Data workers find classes that a config defines by the module's name.
  sys.modules[name] = module
  try:
    spec.loader.exec_module(module)
  except SyntaxError as error:
    raise InputError(f'{path} is not valid Python: {error}') from error
  return module
