"""Checkpoints in the Hugging Face format: a folder of JSON and safetensors."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from mmjax.pretrained.mapped import MappedFile
from mmjax.types import InputError

WEIGHTS = 'model.safetensors'
# The ends of names in old files, and what they are called since.
_NEW = {
  'LayerNorm.gamma': 'LayerNorm.weight',
  'LayerNorm.beta': 'LayerNorm.bias',
}
_OLD = re.compile(r'LayerNorm\.(gamma|beta)$')
_PICKLES = ('*.bin', '*.pt', '*.pth', '*.ckpt')


def find_folder(name: str | Path) -> Path:
  """A local folder, or that of a hub's repository in the local cache.

  Args:
    name: a folder, or `owner/model` of the hub, which is downloaded unless the
      cache has it; `HF_HUB_OFFLINE=1` looks only there.

  Raises:
    InputError: there is neither; the message says why.
  """
  folder = Path(name).expanduser()
  if folder.is_dir():
    return folder
  if folder.exists() or folder.is_absolute() or str(name).count('/') > 1:
    raise InputError(f'{name} is not a folder')
  from huggingface_hub import snapshot_download

  try:
    found = snapshot_download(
      str(name), allow_patterns=['*.json', '*.txt', '*.model', '*.safetensors']
    )
  except Exception as error:  # of the network, of the hub, of the name
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    raise InputError(
      f'{name} is no folder, and the hub does not give it: {reason}'
    ) from error
  return Path(found)


def read_json(path: Path) -> dict[str, Any]:
  """A JSON object; empty if there is no such file.

  Raises:
    InputError: the file is no JSON object.
  """
  found = _read(path) if path.exists() else {}
  if not isinstance(found, dict):
    raise InputError(f'{path} is not a JSON object')
  return found


def read_list(path: Path) -> list[dict[str, Any]]:
  """A list of JSON objects; empty if there is no such file.

  Raises:
    InputError: the file is no such list.
  """
  found = _read(path) if path.exists() else []
  if not (isinstance(found, list) and all(isinstance(x, dict) for x in found)):
    raise InputError(f'{path} is not a list of JSON objects')
  return found


class Tensors(Mapping[str, np.ndarray]):
  """The tensors of a folder; each is a view on the file.

  Names that TensorFlow's BERT left in old files are read as those of today.
  """

  def __init__(self, folder: Path):
    """Lists the tensors of `model.safetensors`, or of an index's files.

    Raises:
      InputError: there is none, or only pickles, or one is damaged.
    """
    index = folder / f'{WEIGHTS}.index.json'
    if index.exists():
      names = sorted(set(read_json(index).get('weight_map', {}).values()))
      files = [folder / name for name in names]
      absent = [file for file in files if not file.exists()]
      if absent:
        raise InputError(
          f'{index} lists what is not there: '
          + ', '.join(file.name for file in absent)
        )
      if not files:
        raise InputError(f'{index} lists no files')
    else:
      files = sorted(folder.glob('*.safetensors'))
      if len(files) > 1:
        files = [folder / WEIGHTS]
    if not files or not files[0].exists():
      raise InputError(_without_weights(folder))
    self._file_of: dict[str, MappedFile] = {}
    self._key_of: dict[str, str] = {}
    self._files = [MappedFile(file) for file in files]
    for opened in self._files:
      for key in opened:
        name = _OLD.sub(lambda found: _NEW[found[0]], key)
        self._file_of[name] = opened
        self._key_of[name] = key

  def __getitem__(self, key: str) -> np.ndarray:
    """Maps a tensor; see `MappedFile`."""
    return self._file_of[key][self._key_of[key]]

  def __contains__(self, key: object) -> bool:
    """Whether there is such a tensor; none is mapped."""
    return key in self._file_of

  def shape(self, key: str) -> tuple[int, ...]:
    """The shape of a tensor, which is not mapped."""
    return self._file_of[key].shape(self._key_of[key])

  def check_dtypes(self, keys: Iterable[str]) -> None:
    """Raises InputError unless NumPy has the numbers of these tensors."""
    for key in keys:
      self._file_of[key].dtype(self._key_of[key])

  def check_unchanged(self) -> None:
    """Raises InputError if a file was written to since it was opened."""
    for file in self._files:
      file.check_unchanged()

  def __iter__(self) -> Iterator[str]:
    """Their names."""
    return iter(self._file_of)

  def __len__(self) -> int:
    """How many there are."""
    return len(self._file_of)


def write_folder(
  folder: Path, config: Mapping[str, Any], tensors: dict[str, np.ndarray]
) -> None:
  """Writes `config.json` and `model.safetensors`."""
  folder.mkdir(parents=True, exist_ok=True)
  text = json.dumps(config, indent=2, sort_keys=True)
  (folder / 'config.json').write_text(f'{text}\n')
  # PyTorch is the layout, not a program that is needed.
  save_file(tensors, folder / WEIGHTS, metadata={'format': 'pt'})


def _read(path: Path) -> Any:
  try:
    return json.loads(path.read_text('utf-8'))
  except ValueError as error:
    raise InputError(f'{path} is not JSON: {error}') from error


def _without_weights(folder: Path) -> str:
  pickles = [p.name for pattern in _PICKLES for p in folder.glob(pattern)]
  if not pickles:
    return f'{folder} has no {WEIGHTS}'
  return (
    f'{folder}/{pickles[0]} is a pickle, which could run any program when it '
    'is read. Convert it where you trust it: '
    "`AutoModel.from_pretrained('FOLDER').save_pretrained('NEW')` of "
    f'transformers writes {WEIGHTS}'
  )
