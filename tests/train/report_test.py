import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mmjax.train import curves
from mmjax.train.report import write_report


def _lines(*records):
  return ''.join(json.dumps(record) + '\n' for record in records)


def _train(step, **numbers):
  return {'step': step, 'split': 'train', **numbers}


def _png(path):
  Image.new('RGB', (8, 8), 'red').save(path)


@pytest.fixture
def run(tmp_path):
  """A workdir with training and validation logged."""
  records = [
    _train(step, loss=3 / step, learning_rate=1e-3, examples_per_second=9.0)
    for step in range(1, 100)
  ]
  for step in (50, 100):
    scores = {'fused/accuracy': step / 200, 'image/accuracy': step / 300}
    records.append({'step': step, 'split': 'val', 'loss': 2 / step, **scores})
  (tmp_path / 'metrics.jsonl').write_text(_lines(*records))
  return tmp_path


def _drawn(monkeypatch, draw, path):
  """Title -> name of the line -> its steps and values, of what is drawn."""
  saved = []
  monkeypatch.setattr(
    Figure, 'savefig', lambda self, *_, **__: saved.append(self)
  )
  assert draw(path)
  return {
    axes.get_title(loc='left'): {
      line.get_label(): (list(line.get_xdata()), list(line.get_ydata()))
      for line in axes.lines
      if not line.get_label().startswith('_')
    }
    for axes in saved[0].axes
  }


def test_training_and_validation_of_one_name_share_a_panel(run, monkeypatch):
  read = curves.read_metrics(run / 'metrics.jsonl')
  panels = _drawn(monkeypatch, lambda p: curves.draw_losses(p, read), run / 'x')
  assert list(panels) == ['loss', 'learning rate', 'examples per second']
  assert set(panels['loss']) == {'train', 'val'}
  assert panels['loss']['val'] == ([50, 100], [2 / 50, 2 / 100])
  assert panels['loss']['train'][0] == list(range(1, 100))


def test_scores_of_one_metric_share_a_panel(run, monkeypatch):
  read = curves.read_metrics(run / 'metrics.jsonl')
  panels = _drawn(monkeypatch, lambda p: curves.draw_scores(p, read), run / 'x')
  assert panels == {
    'accuracy (validation)': {
      'fused': ([50, 100], [0.25, 0.5]),
      'image': ([50, 100], [50 / 300, 100 / 300]),
    }
  }


def test_what_a_killed_run_left_is_no_obstacle(tmp_path):
  path = tmp_path / 'metrics.jsonl'
  whole = _lines(_train(1, loss=3.0), _train(2, loss=2.0))
  odd = '[1, 2]\n"text"\n{"split": "train"}\n{"step": null, "split": "a"}\n\n'
  path.write_bytes(
    whole.encode()
    + odd.encode()
    + _lines(_train(3, loss=None, other='text', good=True)).encode()
    + b'{"step": 4, "split": "train", "loss": NaN}\n'
    + b'\x00\xff\xfe\n'
    + b'{"step": 5, "split": "train", "lo'
  )
  assert curves.read_metrics(path) == {'train': {'loss': {1: 3.0, 2: 2.0}}}
  write_report(tmp_path, title='t', results={}, figures={})
  assert (tmp_path / 'report' / 'loss.png').exists()


def test_a_resumed_run_replaces_what_it_did_again(tmp_path):
  path = tmp_path / 'metrics.jsonl'
  before = [_train(s, loss=float(s), extra=1.0) for s in (10, 20, 30, 37)]
  val = {'step': 20, 'split': 'val', 'loss': 5.0}
  after = [_train(s, loss=-float(s)) for s in (25, 30)]
  path.write_text(_lines(*before, val, *after))
  assert curves.read_metrics(path) == {
    'train': {
      'loss': {10: 10.0, 20: 20.0, 25: -25.0, 30: -30.0},
      'extra': {10: 1.0, 20: 1.0},
    },
    'val': {'loss': {20: 5.0}},
  }


def test_smoothing_is_a_running_mean_that_keeps_the_ends():
  values = np.random.default_rng(0).normal(size=30)
  got = curves.smooth(values.tolist(), 5)
  want = [values[max(i - 2, 0) : i + 3].mean() for i in range(30)]
  np.testing.assert_allclose(got, want)


def test_the_page_shows_every_figure_and_number(run):
  results = {
    'eval/fused/accuracy': 0.9725,
    'eval/audio_to_text/recall_at_10': 0.45,
    'eval/audio_to_text/chance_at_10': 0.111,
    'eval/fused/loss': 0.12345,
    'step': 12000,
    'eval/speech/accuracy': float('nan'),
  }
  page = write_report(
    run,
    title='digits <script>alert(1)</script> & "more"',
    results=results,
    figures={'fused/confusion': _png, 'fused confusion': _png},
  )
  assert page == run / 'report' / 'index.html'
  text = page.read_text(encoding='utf-8')
  assert '<script' not in text
  assert '&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;' in text
  pictures = re.findall(r'<img src="([^"]+)"', text)
  assert pictures == [
    'loss.png',
    'validation.png',
    'fused_confusion.png',
    'fused_confusion_.png',
  ]
  for picture in pictures:
    with Image.open(page.parent / picture) as image:
      image.verify()
  headline = re.findall(r'<div class="tile"><b>([^<]+)</b>', text)
  assert headline == ['97.2%', '45.0%']
  assert 'chance 11.1%' in text
  for name in results:
    assert f'<th scope="row">{name}</th>' in text
  assert '<td>0.1235</td>' in text or '<td>0.1234</td>' in text
  assert '<td>12,000</td>' in text
  assert '<td>not measured</td>' in text
  assert 'http' not in text, 'the page must not need a network'
  assert 'prefers-color-scheme: dark' in text
  assert 'width=device-width' in text
  assert not list(page.parent.glob('*.part'))


def test_names_of_figures_and_results_are_escaped(tmp_path):
  def fail(path):
    raise ValueError('<b>broken</b>')

  page = write_report(
    tmp_path,
    title='t',
    results={'<i>x</i>/accuracy': 1.0},
    figures={'<u>a': _png, '../../out': fail},
    tables={'noise/texts': [1, 2]},
  )
  text = page.read_text(encoding='utf-8')
  assert not re.search('<[iub]>[xab]', text)
  assert '&lt;u&gt;a' in text.lower()
  assert not list(tmp_path.glob('*.png'))
  table = page.with_name('noise_texts.json').read_text()
  assert json.loads(table) == [1, 2]


def test_a_figure_that_fails_does_not_lose_the_report(run, caplog):
  def fail(path):
    raise ValueError('no <data>')

  folder = run / 'report'
  folder.mkdir()
  _png(folder / 'bad.png')  # left by an earlier report
  page = write_report(
    run,
    title='t',
    results={'eval/fused/accuracy': 1.0},
    figures={'bad': fail, 'good': _png},
  )
  text = page.read_text(encoding='utf-8')
  assert 'Bad: could not be drawn (ValueError: no &lt;data&gt;)' in text
  assert '<img src="good.png"' in text
  assert 'bad.png' not in text
  assert not (folder / 'bad.png').exists()
  assert 'figure bad could not be drawn' in caplog.text


def test_without_metrics_there_are_no_curves(tmp_path):
  page = write_report(
    tmp_path, title='t', results={'eval/fused/accuracy': 0.5}, figures={}
  )
  text = page.read_text(encoding='utf-8')
  assert '<img' not in text
  assert '50.0%' in text
