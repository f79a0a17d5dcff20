"""Videos as a modality of records; the files are made here."""

import contextlib
import io
import json

import numpy as np
import pytest

from mmjax.data import RecordError, eval_batches, train_batches, video
from mmjax.data.sources import Records
from mmjax.data.transforms import ColorJitter, RandomFlip
from mmjax.types import InputError

av = pytest.importorskip('av')

SIZE = 64, 48


def make(
  count=30, *, size=SIZE, rate=10, form='mp4', codec='libx264', tone=None
) -> bytes:
  """Frame `i` is grey of 8 i, black in its left half."""
  file = io.BytesIO()
  with av.open(file, 'w', format=form) as out:
    stream = out.add_stream(codec, rate=rate, options={'g': '12'})
    stream.width, stream.height = size
    stream.pix_fmt = 'yuv420p'
    # Streams are told before anything is written.
    sound = None if tone is None else out.add_stream('aac', rate=48_000)
    for i in range(count):
      x = np.full((size[1], size[0], 3), 8 * i % 256, np.uint8)
      x[:, : size[0] // 2] = 0
      frame = av.VideoFrame.from_ndarray(x, format='rgb24')
      out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
    if sound is not None:
      time = np.arange(round(count / rate * 48_000)) / 48_000
      wave = 0.5 * np.sin(2 * np.pi * tone * time)
      frame = av.AudioFrame.from_ndarray(
        wave.astype(np.float32)[None], format='fltp', layout='mono'
      )
      frame.sample_rate = 48_000
      out.mux(sound.encode(frame))
      out.mux(sound.encode(None))
  return file.getvalue()


@pytest.fixture(scope='module')
def mp4():
  return make(tone=440)


def numbers(found):
  """Which frame each is."""
  return np.round(found[:, 2:-2, -8:].mean(axis=(1, 2, 3)) / 8).tolist()


@pytest.mark.parametrize(
  ('form', 'codec'),
  [('mp4', 'libx264'), ('matroska', 'ffv1'), ('avi', 'ffv1'),
   ('webm', 'libvpx'), ('mpegts', 'mpeg2video')],
)  # fmt: skip
def test_frames_are_the_middles_of_equal_parts(form, codec):
  rate = 25 if form == 'mpegts' else 10
  data = make(form=form, codec=codec, rate=rate)
  found = video.frames(data, count=5, seconds=60.0, canvas=24)
  assert found.shape == (5, 24, 32, 3)
  assert numbers(found) == [3, 9, 15, 21, 27]
  assert (found[:, :, :14] < 16).all()  # right side up


def test_of_a_long_video_the_first_seconds_are_looked_at(mp4):
  found = video.frames(mp4, count=4, seconds=2.0, canvas=99)
  assert found.shape == (4, 48, 64, 3)  # nothing is made larger
  assert numbers(found) == [2, 7, 12, 17]
  few = video.frames(make(3), count=8, seconds=2.0, canvas=48)
  assert numbers(few) == [0, 1, 2]


def test_a_video_that_was_held_upright_is_turned(mp4):
  at = mp4.index(b'tkhd')
  at = mp4.index((65536).to_bytes(4, 'big') + bytes(12), at)
  turned = bytearray(mp4)
  # Players turn it clockwise: what was left is up.
  for place, value in ((0, 0), (4, 65536), (12, -65536), (16, 0)):
    word = value.to_bytes(4, 'big', signed=True)
    turned[at + place : at + place + 4] = word
  found = video.frames(bytes(turned), count=2, seconds=9.0, canvas=48)
  assert found.shape == (2, 64, 48, 3)
  assert (found[1, :28] < 16).all()
  assert (found[1, 36:] > 100).all()


def test_the_sound_track_is_resampled(mp4):
  x = video.sound(mp4, seconds=0.5)
  assert x.shape == (8000,)
  spectrum = np.abs(np.fft.rfft(x * np.hanning(8000)))
  assert abs(np.argmax(spectrum) * 2 - 440) <= 2
  assert abs(np.abs(x[2000:]).max() - 0.5) < 0.1
  assert video.sound(make(2), seconds=1.0) is None


@pytest.fixture
def root(tmp_path, mp4):
  rows = []
  for i, split in enumerate(['train'] * 4 + ['test'] * 2 + ['val'] * 2):
    row = {'name': str(i), 'label': 'ab'[i % 2], 'split': split}
    if i % 3:
      row['video'] = f'{i}.mp4'
      (tmp_path / row['video']).write_bytes(mp4)
    rows.append(row)
  file = tmp_path / 'all.jsonl'
  file.write_text('\n'.join(json.dumps(row) for row in rows))
  return file


def test_records_have_videos_and_their_sound(root):
  data = Records(
    root=str(root),
    modalities=('video', 'audio'),
    image_size=16,
    video_frames=6,
    audio_seconds=0.5,
    augment=(ColorJitter(brightness=0.9), RandomFlip()),
  )
  assert Records(root=str(root)).resolved().modalities == ('video',)
  data.check()
  with eval_batches(data, 'test', batch_size=2) as batches:
    batch = next(batches)
  assert batch['video'].shape == (2, 6, 16, 16, 3)
  assert batch['mask']['video'].all(axis=1).tolist() == [True, True]
  assert numbers(batch['video'][0]) == [2, 7, 12, 17, 22, 27]
  assert batch['mask']['audio'].all()
  with train_batches(data, batch_size=4, seed=0) as batches:
    batch = next(batches)
  here = batch['mask']['video'].any(axis=1)
  assert sorted(here.tolist()) == [False, False, True, True]
  assert (batch['mask']['audio'].any(axis=1) == here).all()
  assert not batch['video'][~here].any()
  # All frames of a video are mirrored, and made brighter, alike.
  for x in batch['video'][here].astype(float):
    sides = np.stack([x[:, :, :6].max((1, 2, 3)), x[:, :, -6:].max((1, 2, 3))])
    dark, bright = sides[:, 1:][np.argsort(sides[:, -1])]
    assert (dark < 32).all()
    slope = bright[:2] / np.array([7 * 8, 12 * 8])
    assert abs(slope[0] - slope[1]) < 0.15


def test_few_frames_are_masked_behind_their_end(tmp_path):
  folder = tmp_path / 'a'
  folder.mkdir()
  for i in range(12):
    (folder / f'{i}.mp4').write_bytes(make(2))
  data = Records(root=str(tmp_path), image_size=8, video_frames=4)
  found = data.prepare(data.source('train')[0], None)
  assert found['mask']['video'].tolist() == [True, True, False, False]
  assert not found['video'][2:].any()


BAD = {
  'empty': (lambda d: b'', 'this file is empty'),
  'no video': (lambda d: b'so it is' * 99, 'cannot read this video: '),
  'cut off': (lambda d: d[: len(d) // 2], 'cannot read this video: '),
  'a list of other files': (
    lambda d: b'#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n',
    'cannot read this video: ',
  ),
  'a list for concat': (
    lambda d: b'ffconcat version 1.0\nfile /etc/passwd\n',
    'cannot read this video: ',
  ),
}


@pytest.mark.parametrize('name', BAD)
def test_a_broken_file_is_an_error_that_names_file_and_row(name, root, mp4):
  change, message = BAD[name]
  (root.parent / '1.mp4').write_bytes(change(mp4))
  data = Records(root=str(root), image_size=8)
  with pytest.raises(RecordError, match=message) as caught:
    data.prepare(data.source('train')[1], None)
  assert str(caught.value).startswith(f'{root}, row 2: video 1.mp4: ')


def test_sizes_are_looked_at_before_anything_is_decoded(mp4, monkeypatch):
  monkeypatch.setattr(video, 'MAX_PIXELS', 64 * 48 - 1)
  with pytest.raises(RecordError, match='64 x 48 is more than 3071 pixels'):
    video.frames(mp4, count=1, seconds=1.0, canvas=16)
  monkeypatch.undo()
  monkeypatch.setattr(video, 'MAX_FRAMES', 9)
  with pytest.raises(RecordError, match='2 seconds .* more than 9 frames each'):
    video.frames(mp4, count=1, seconds=2.0, canvas=16)
  monkeypatch.undo()
  monkeypatch.setattr(video, 'MAX_RATE', 64 * 48 * 10)
  with pytest.raises(RecordError, match='4 frames of 64 x 48 in 0.4 seconds'):
    monkeypatch.setattr(video, 'MAX_RATE', 64 * 48 * 3)
    video.frames(mp4, count=1, seconds=0.4, canvas=16)


def test_changed_bytes_are_errors_or_fine(mp4):
  rng = np.random.default_rng(0)
  for _ in range(60):
    data = bytearray(mp4)
    for at in rng.integers(0, len(data), 20):
      data[at] = rng.integers(256)
    for read in (
      lambda d: video.frames(d, count=3, seconds=5.0, canvas=16),
      lambda d: video.sound(d, seconds=1.0),
      video.measure,
    ):
      with contextlib.suppress(RecordError):
        read(bytes(data))


def test_without_pyav_one_line_says_what_to_install(root, monkeypatch):
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  with pytest.raises(InputError, match=r"pip install 'mmjax\[video\]'"):
    Records(root=str(root), on_error='skip').check()


def test_impossible_fields_are_named():
  with pytest.raises(InputError, match='video_frames 0 is not at least 1'):
    Records(root='x', video_frames=0)
  with pytest.raises(InputError, match='video_seconds 0 is no length'):
    Records(root='x', video_seconds=0.0)
