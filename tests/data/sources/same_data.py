"""The same small stamps, kept in every way that a source reads."""

import csv
import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from array_record.python import array_record_module
from PIL import Image
from tensorflow_datasets.proto import tf_example_pb2

CLASSES = ('animals', 'food', 'space')
SPLITS = ('train', 'validation', 'test')


class Stamp(NamedTuple):
  name: str
  label: str
  split: str
  image: bytes | None
  audio: bytes | None
  text: str | None

  def path(self, suffix):
    return f'{self.split}/{self.name}.{suffix}'

  def cells(self):
    """By suffix: what the stamp has, as bytes."""
    text = None if self.text is None else self.text.encode()
    found = {'png': self.image, 'wav': self.audio, 'txt': text}
    return {k: v for k, v in found.items() if v is not None}


def png_of(image):
  file = io.BytesIO()
  image.save(file, 'PNG')
  return file.getvalue()


def png(size, color):
  return png_of(Image.new('RGB', size, color))


def wav(x, rate=16_000):
  file = io.BytesIO()
  soundfile.write(file, x, rate, format='WAV', subtype='PCM_16')
  return file.getvalue()


def stamps(count=40):
  """Sorted by split and path; each lacks something now and then."""
  rng = np.random.default_rng(0)
  found = []
  for i in range(count):
    label = CLASSES[i % 3]
    split = SPLITS[0 if i % 4 else 1 + i // 4 % 2]
    sound = rng.integers(-2000, 2000, 400 + 10 * i).astype(np.int16)
    found.append(
      Stamp(
        name=f'{label}/{i:03d}',
        label=label,
        split=split,
        image=png((8 + i, 12), (5 * i, 40, 200)) if i % 5 else None,
        audio=wav(sound) if i % 3 or not i % 5 else None,
        text=f'Stück {i}, "so; it is"' if i % 7 else None,
      )
    )
  return sorted(found, key=lambda s: (SPLITS.index(s.split), s.name))


def write_folder(root: Path, found):
  for stamp in found:
    for suffix, data in stamp.cells().items():
      file = root / stamp.path(suffix)
      file.parent.mkdir(parents=True, exist_ok=True)
      file.write_bytes(data)
  return root


def rows(found, *, as_bytes=False):
  """Cells by column; files as paths or bytes."""
  for s in found:
    row = {'name': s.name, 'label': s.label, 'split': s.split, 'text': s.text}
    for column, suffix in ('image', 'png'), ('audio', 'wav'):
      data = s.cells().get(suffix)
      path = None if data is None else s.path(suffix)
      row[column] = data if as_bytes else path
    yield row


def write_jsonl(root, found):
  file = write_folder(root, found) / 'all.jsonl'
  lines = [json.dumps(row, ensure_ascii=False) for row in rows(found)]
  file.write_text('\n\n'.join(lines) + '\n')
  return file


def write_csv(root, found):
  file = write_folder(root, found) / 'all.csv'
  with open(file, 'w', newline='') as f:
    out = csv.DictWriter(f, next(rows(found)).keys())
    out.writeheader()
    out.writerows(rows(found))
  return file


def write_metadata(root, found):
  """A folder that holds its own table, as image folders of hubs do."""
  return write_jsonl(root, found).rename(root / 'metadata.jsonl').parent


def write_parquet(root, found, *, as_bytes=True):
  file = root / 'all.parquet'
  if not as_bytes:
    write_folder(root, found)
  file.parent.mkdir(parents=True, exist_ok=True)
  table = pa.Table.from_pylist(list(rows(found, as_bytes=as_bytes)))
  pq.write_table(table, file, row_group_size=7)
  return file


def write_parquet_paths(root, found):
  return write_parquet(root, found, as_bytes=False)


def write_parquet_hub(root, found):
  """Several files, structs, and classes by number, as the hub has them."""
  root.mkdir()
  features = {'label': {'names': list(CLASSES), '_type': 'ClassLabel'}}
  meta = json.dumps({'info': {'features': features}})
  for split in SPLITS:
    part = list(rows([s for s in found if s.split == split], as_bytes=True))
    for row in part:
      del row['split']
      row['label'] = CLASSES.index(row['label'])
      for name in ('image', 'audio'):
        if row[name] is not None:
          row[name] = {'bytes': row[name], 'path': 'x.bin'}
    table = pa.Table.from_pylist(part)
    table = table.replace_schema_metadata({'huggingface': meta})
    pq.write_table(table, root / f'{split}-00000-of-00001.parquet')
  return root


def write_tars(root, found, *, shards=3):
  root.mkdir()
  size = -(-len(found) // shards)
  for number in range(shards):
    with tarfile.open(root / f'shard-{number}.tar', 'w') as tar:
      for stamp in found[number * size : (number + 1) * size]:
        facts = {'label': stamp.label, 'split': stamp.split, 'other': [1]}
        cells = {**stamp.cells(), 'json': json.dumps(facts).encode()}
        for suffix, data in cells.items():
          info = tarfile.TarInfo(f'{stamp.name}.{suffix}')
          info.size = len(data)
          tar.addfile(info, io.BytesIO(data))
  return root


def feature(value):
  found = tf_example_pb2.Example().features.feature['x']
  if isinstance(value, bytes):
    found.bytes_list.value.append(value)
  else:
    found.int64_list.value.extend(np.atleast_1d(value).tolist())
  return found


def write_tfds(root, found, **changes):
  """As TFDS writes it: sounds are lists of samples."""
  root = root / 'stamps' / '1.0.0'
  root.mkdir(parents=True)
  module = 'tensorflow_datasets.core.features'
  audio = {'shape': {'dimensions': ['-1']}, 'dtype': 'int64'}
  features = {
    'image': {'image': {}, 'pythonClassName': f'{module}.image_feature.Image'},
    'audio': {'audio': {**audio, 'sampleRate': '16000'}},
    'text': {'text': {}},
    'name': {'text': {}},
    'label': {'classLabel': {'numClasses': '3'}},
  }
  info = {'fileFormat': 'array_record', 'name': 'stamps', 'splits': []}
  for split in SPLITS:
    part = [s for s in found if s.split == split]
    info['splits'].append({'name': split, 'shardLengths': [str(len(part))]})
    file = root / f'stamps-{split}.array_record-00000-of-00001'
    writer = array_record_module.ArrayRecordWriter(str(file), 'group_size:1')
    for s in part:
      sound = np.zeros(0, np.int64)
      if s.audio is not None:
        sound, _ = soundfile.read(io.BytesIO(s.audio), dtype='int16')
      example = tf_example_pb2.Example()
      for name, value in {
        'image': s.image or b'',
        'audio': sound,
        'text': (s.text or '').encode(),
        'name': s.name.encode(),
        'label': CLASSES.index(s.label),
      }.items():
        example.features.feature[name].CopyFrom(feature(value))
      writer.write(example.SerializeToString())
    writer.close()
  (root / 'dataset_info.json').write_text(json.dumps({**info, **changes}))
  (root / 'features.json').write_text(
    json.dumps({'featuresDict': {'features': features}})
  )
  (root / 'label.labels.txt').write_text('\n'.join(CLASSES) + '\n')
  return root


WRITERS = {
  'folder': write_folder,
  'jsonl': write_jsonl,
  'csv': write_csv,
  'metadata': write_metadata,
  'parquet': write_parquet,
  'parquet_paths': write_parquet_paths,
  'parquet_hub': write_parquet_hub,
  'tars': write_tars,
  'tfds': write_tfds,
}


def copy(root, to):
  shutil.copytree(root, to)
  return to
