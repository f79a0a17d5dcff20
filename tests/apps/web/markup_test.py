"""Whatever a file or a class is called, it stays words in the page."""

import base64
import io
import re

import numpy as np
import soundfile
from PIL import Image

from mmjax.apps.web import markup

EVIL = '"><script>alert(1)</script>'


def test_names_are_words():
  cards = [markup.Card(EVIL, 0.5, markup.text(EVIL))]
  effects = {'image': 1.0, EVIL: -0.5}
  pages = [
    markup.results({EVIL: cards}),
    markup.effects(EVIL, 0.9, {'image': 0.1, EVIL: 0.5}, effects),
    markup.figure(b'png', EVIL),
    markup.message(EVIL),
    markup.words(EVIL),
  ]
  for page in pages:
    assert '<script' not in page
    assert '&lt;script&gt;' in page


def _data(page):
  kind, data = re.search(r'src="data:([\w/]+);base64,([^"]+)"', page).groups()
  return kind, io.BytesIO(base64.b64decode(data))


def test_pictures_and_sounds_are_inside(rng):
  pixels = rng.integers(0, 256, (300, 600, 3), np.uint8)
  kind, data = _data(markup.picture(pixels, side=200))
  assert kind == 'image/png'
  assert Image.open(data).size == (200, 100)
  samples = rng.uniform(-1, 1, 8000).astype(np.float32)
  kind, data = _data(markup.sound(samples))
  assert kind == 'audio/flac'
  found, rate = soundfile.read(data, dtype='float32')
  assert rate == 16_000
  np.testing.assert_allclose(found, samples, atol=1e-4)


def test_kinds_without_results_have_no_heading():
  one = markup.Card('a', 0.5, '')
  page = markup.results({'pictures': [one, one], 'sounds': []})
  assert page.count('mm-card"') == 2
  assert 'sounds' not in page
  assert 'Nothing was found' in markup.results({'sounds': []})


def test_bars_are_as_long_as_effects():
  effects = {'text': 2.0, 'image': -1.0, 'audio': 0.0}
  after = {'text': 0.1, 'image': 0.95, 'audio': 0.8}
  page = markup.effects('cat', 0.8, after, effects)
  bars = re.findall(r'mm-(for|against)" style="width:([\d.]+)%', page)
  assert bars == [('for', '50.0'), ('for', '0.0'), ('against', '25.0')]
  numbers = re.findall(r'([\d.]+)% → ([\d.]+)%', page)
  assert numbers == [('80.0', '10.0'), ('80.0', '80.0'), ('80.0', '95.0')]
