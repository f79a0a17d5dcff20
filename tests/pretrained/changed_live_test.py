"""Another resolution, clip length or vocabulary, against transformers."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')

from mmjax import pretrained  # noqa: E402
from tests.pretrained.tiny_clip import write_clip  # noqa: E402

# PyTorch and transformers warn of each other.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings('default')]
FIXTURES = Path(__file__).with_name('fixtures')


def _theirs(folder, **inputs):
  kind = transformers.AutoConfig.from_pretrained(folder).architectures[0]
  model, report = getattr(transformers, kind).from_pretrained(
    folder, output_loading_info=True
  )
  assert not report['missing_keys']
  assert not report['unexpected_keys']
  with torch.no_grad():
    return model.eval()(
      **{k: torch.tensor(x) if k != 'interpolate_pos_encoding' else x
         for k, x in inputs.items()}
    )  # fmt: skip


def _equal(got, want):
  want = want.numpy()
  difference = np.abs(np.asarray(got) - want).max()
  assert difference <= min(1e-4, 2e-5 * np.abs(want).max())


@pytest.mark.parametrize('size', [24, 40])
def test_a_clip_at_another_resolution(size, tmp_path, rng):
  folder = write_clip(tmp_path)
  loaded = pretrained.load(folder, image_size=size)
  pictures = rng.integers(0, 256, (2, size, size, 3), dtype=np.uint8)
  batch = loaded.preprocess(image=list(pictures), text=['a', 'thing'])
  image = loaded.architecture.image
  assert image is not None
  pixels = (pictures / 255 - np.array(image.mean)) / np.array(image.std)
  want = _theirs(
    folder,
    input_ids=batch['text'].astype(np.int64),
    pixel_values=np.moveaxis(pixels, -1, 1).astype(np.float32),
    interpolate_pos_encoding=True,
  )
  got = loaded.apply(batch)
  _equal(got['image_embeds'], want.image_embeds)
  _equal(got['logits_per_image'], want.logits_per_image)


def test_a_vit_at_another_resolution(rng):
  folder = FIXTURES / 'vit_classifier'
  config = pretrained.find(folder).config
  size = config['patch_size'] * 5
  loaded = pretrained.load(folder, image_size=size)
  pictures = rng.integers(0, 256, (2, size, size, 3), dtype=np.uint8)
  pixels = np.moveaxis(pictures / 127.5 - 1, -1, 1).astype(np.float32)
  want = _theirs(folder, pixel_values=pixels, interpolate_pos_encoding=True)
  _equal(loaded(image=list(pictures))['logits'], want.logits)


@pytest.mark.parametrize('more', [4, -3])
@pytest.mark.parametrize('name', ['llama_language', 'gpt2_language', 'clip'])
def test_another_vocabulary(name, more, tmp_path):
  folder = FIXTURES / name
  if name == 'clip':
    more = abs(more)
    folder = write_clip(tmp_path / 'clip')
  loaded = pretrained.load(folder)
  old = len(next(iter(loaded.params['encoders_text']['embed'].values())))
  resized = pretrained.resize_vocabulary(loaded, old + more, new='normal')
  pretrained.export(resized, tmp_path / 'new')
  ids = np.array([[3, old + more - 1, 5, 7], [1, 8, 9, old - 4]])
  if name == 'clip':
    ids[:, -1] = old - 1  # the end of a text
    pixels = np.zeros((1, 3, 16, 16), np.float32)
    theirs = _theirs(tmp_path / 'new', input_ids=ids, pixel_values=pixels)
    _equal(resized(text=ids.tolist())['text_embeds'], theirs.text_embeds)
  else:
    theirs = _theirs(tmp_path / 'new', input_ids=ids)
    _equal(resized(text=ids.tolist())['logits'], theirs.logits)


def test_longer_clips(rng):
  folder = FIXTURES / 'videomae'
  config = transformers.AutoConfig.from_pretrained(folder)
  config.num_frames *= 2
  model = transformers.VideoMAEModel.from_pretrained(folder, config=config)
  side = config.image_size
  clip = rng.integers(
    0, 256, (1, config.num_frames, side, side, 3), dtype=np.uint8
  )
  batch = {
    'video': clip,
    'mask': {'video': np.ones(clip.shape[:2], bool)},
  }
  pixels = np.moveaxis(clip / 127.5 - 1, -1, 2).astype(np.float32)
  with torch.no_grad():
    want = model.eval()(pixel_values=torch.tensor(pixels))
  got = pretrained.load(folder).apply(batch)
  _equal(got['last_hidden_state'], want.last_hidden_state)


@pytest.mark.parametrize('factor', [0.5, 1.7])
def test_an_ast_of_another_length(factor, rng):
  folder = FIXTURES / 'ast'
  kind = transformers.ASTModel
  config = transformers.AutoConfig.from_pretrained(folder)
  old, side = config.max_length, config.patch_size
  frames = round(old * factor)
  loaded = pretrained.load(folder, seconds=frames / 100)
  bands = (config.num_mel_bins - side) // config.frequency_stride + 1
  steps = [(x - side) // config.time_stride + 1 for x in (old, frames)]
  assert steps[0] != steps[1]
  # The same weights around a table that PyTorch has resampled in time.
  weights = kind.from_pretrained(folder).state_dict()
  key = 'embeddings.position_embeddings'
  first, table = weights[key][:, :2], weights[key][:, 2:]
  table = table.reshape(1, bands, steps[0], -1).permute(0, 3, 1, 2)
  table = torch.nn.functional.interpolate(
    table, size=(bands, steps[1]), mode='bicubic', align_corners=False
  )
  table = table.flatten(2).transpose(1, 2)
  weights[key] = torch.cat([first, table], dim=1)
  config.max_length = frames
  model = kind(config)
  model.load_state_dict(weights)
  extract = transformers.ASTFeatureExtractor(
    max_length=frames, num_mel_bins=config.num_mel_bins
  )
  # One is filled up and one is cut, at either length.
  sounds = [rng.normal(size=n).astype(np.float32) / 10 for n in (3000, 13_000)]
  features = extract(sounds, sampling_rate=16_000, return_tensors='pt')
  with torch.no_grad():
    want = model.eval()(**features)
  got = loaded(audio=sounds, sampling_rate=16_000)
  _equal(got['last_hidden_state'], want.last_hidden_state)
  _equal(got['pooler_output'], want.pooler_output)
