import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure

from mmjax.evaluators import figures


@pytest.fixture
def drawn(monkeypatch):
  """The figures that were saved."""
  saved = []
  save = Figure.savefig

  def keep(self, *args, **kwargs):
    saved.append(self)
    save(self, *args, **kwargs)

  monkeypatch.setattr(Figure, 'savefig', keep)
  return saved


@pytest.mark.parametrize('classes', [2, 10, 16, 40])
def test_class_names_of_a_confusion_do_not_overlap(tmp_path, drawn, classes):
  names = [f'category number {i}' for i in range(classes)]
  counts = np.diag(np.arange(1, classes + 1))
  counts[0, 1] = 3
  figures.confusion(tmp_path / 'c.png', counts=counts, names=names, title='t')
  (axes,) = drawn[0].axes
  for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
    assert [label.get_text() for label in labels] == names
    boxes = [label.get_window_extent() for label in labels]
    for a, b in itertools.pairwise(boxes):
      assert not a.overlaps(b)
  cells = {t.get_position(): t.get_text() for t in axes.texts}
  assert cells[(1, 0)] == '3'  # class 0 called 1: column 1, row 0
  assert (0, 1) not in cells
  right = np.trace(counts)
  assert f'of {counts.sum()} examples' in drawn[0].get_suptitle()
  assert f'{right / counts.sum():.1%}' in drawn[0].get_suptitle()


def test_bars_are_as_long_as_the_accuracies(tmp_path, drawn):
  values = {'image': 0.5, 'image+text': 0.25, 'fused': 1.0}
  figures.accuracies(
    tmp_path / 'a.png', values=values, chance=0.1, count=7, title='t'
  )
  (axes,) = drawn[0].axes
  assert [bar.get_width() for bar in axes.patches] == list(values.values())
  names = [label.get_text() for label in axes.get_yticklabels()]
  assert names == ['image', 'image + text', 'fused']
  assert list(axes.lines[0].get_xdata()) == [0.1, 0.1]


def test_text_without_a_glyph_is_replaced():
  assert figures.drawable('ab ελλ é\n日 c') == 'ab ελλ é \ufffd c'


def test_dollars_are_not_mathematics(tmp_path, drawn):
  cell = figures.Cell('text', r'$\broken{ 5$', None)
  figures.gallery(
    tmp_path / 'g.png', lines=[[cell, cell]], heads=['q', 'a'], title='t'
  )
  assert drawn[0].axes[0].texts[0].get_text() == r'$\broken{ 5$'


@pytest.mark.parametrize(
  'pixels',
  [
    np.full((4, 4, 1), 255, np.uint8),
    np.full((4, 4, 3), 1.5, np.float32),
    np.full((4, 4, 3), np.nan, np.float32),
    np.zeros((4, 4, 4), np.uint8),
  ],
)
def test_any_image_can_be_drawn(tmp_path, pixels):
  cell = figures.Cell('image', pixels, True)
  path = tmp_path / 'g.png'
  figures.gallery(path, lines=[[cell, cell]], heads=['q', 'a'], title='t')
  assert path.stat().st_size > 1000


@pytest.mark.parametrize('samples', [0, 1, 500])
def test_any_sound_can_be_drawn(tmp_path, samples):
  cell = figures.Cell('audio', np.zeros(samples, np.float32), None)
  path = tmp_path / 'g.png'
  figures.gallery(path, lines=[[cell, cell]], heads=['q', 'a'], title='t')
  assert path.stat().st_size > 1000
