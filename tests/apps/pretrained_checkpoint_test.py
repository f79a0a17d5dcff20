import numpy as np
import pytest
from PIL import Image

from mmjax import pretrained
from mmjax.apps.opening import open_checkpoint
from tests.pretrained.tiny_clip import write_clip

pytestmark = pytest.mark.slow
TEXTS = ['a cat', 'a dog', 'no bird']


def test_a_clip_of_others_embeds_files_as_it_does_arrays(tmp_path, rng):
  folder = write_clip(tmp_path)
  pixels = rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)
  Image.fromarray(pixels).save(tmp_path / 'a.png')
  checkpoint = open_checkpoint(folder)
  assert checkpoint.embeds == ('image', 'text')
  image = checkpoint.embed('image', [tmp_path / 'a.png'])
  text = checkpoint.embed('text', TEXTS)
  want = pretrained.load(folder)(image=[pixels], text=TEXTS)
  for got, name in ((image, 'image_embeds'), (text, 'text_embeds')):
    unit = np.asarray(want[name])
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    np.testing.assert_allclose(got, unit, atol=1e-5)
  assert np.abs(text[0] - text[1]).max() > 1e-3
