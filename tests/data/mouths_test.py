import numpy as np

from mmjax.data.espeak import Phoneme
from mmjax.data.mouths import draw, shapes

PHONEMES = (
  Phoneme(0.0, 'p'),
  Phoneme(0.2, 'ɐ'),
  Phoneme(0.4, ''),
  Phoneme(0.6, 'aɪ'),  # noqa: RUF001
)


def test_the_mouth_opens_with_the_sound():
  found = shapes(PHONEMES, seconds=1.0, frames_a_second=20)
  assert found.shape == (20, 4)
  opened = found[:, 0]
  # Closed for p, wide open in the middle of the vowel, closed in silence.
  assert opened[1] < 0.1
  assert opened[5:7].min() > 0.6
  assert opened[9:11].max() < 0.2
  # A diphthong ends wide and nearly closed.
  assert opened[13] > 0.7
  assert opened[18] < 0.35
  assert found[18, 1] > 0.9


def test_silence_is_a_closed_mouth():
  found = shapes((), seconds=0.5, frames_a_second=10)
  np.testing.assert_array_equal(found[:, 0], 0)
  assert shapes((), seconds=0.0, frames_a_second=10).shape == (0, 4)


def test_pictures_show_the_shape():
  shape = np.array([[0, 0.5, 0, 0], [0.9, 0.5, 0, 0], [0.9, 0.5, 1, 1]])
  found = draw(shape, size=24)
  assert found.shape == (3, 24, 24)
  assert found.min() >= 0
  assert found.max() <= 1
  dark = (found < 0.2).sum(axis=(1, 2))
  assert dark[0] < 5 < 40 < dark[1]
  # Teeth are bright and above, the tongue below.
  assert (found[2] > 0.9).sum() > 5
  assert found[2, :12].mean() > found[2, 12:].mean()
  moved = draw(shape, size=24, shift=(0.25, 0.0))
  np.testing.assert_allclose(moved[..., 3:], found[..., :-3], atol=1e-9)
