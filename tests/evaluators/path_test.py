"""Displacement errors, by hand."""

import numpy as np
import pytest

from mmjax.data import pipeline
from mmjax.data.datasets.driving import VIEWS, Driving
from mmjax.evaluators.path import Path

DATA = Driving(examples={'train': 8, 'validation': 8, 'test': 60})
OFF = np.tile([3.0, 4.0], 4)  # five metres away at each waypoint


def batches(view, split='test'):
  return pipeline.eval_batches(DATA, split, batch_size=16, view=view)


def predict(batch):
  """Five metres off, fifteen where the camera fails."""
  whole = batch['mask']['video'].all(axis=1)[:, None]
  off = np.where(whole, OFF, 3 * OFF)
  return {'logits': {'path': (batch['change'] + off) / 2.0}}


def test_errors_are_distances(tmp_path):
  found = Path(std=2.0, views=VIEWS)(predict, batches, {})
  numbers = {k.removeprefix('path/'): x for k, x in found.numbers.items()}
  assert numbers['ade'] == pytest.approx(5, rel=1e-4)
  assert numbers['fde'] == pytest.approx(5, rel=1e-4)
  assert numbers['alone_ade'] == pytest.approx(15, rel=1e-4)
  assert numbers['unseen_ade'] == pytest.approx(5, rel=1e-4)
  assert numbers['without_audio_ade'] == pytest.approx(5, rel=1e-4)
  assert numbers['without_video_ade'] == pytest.approx(15, rel=1e-4)
  rows = [DATA.prepare(one, None) for one in DATA.source('test')]
  for key in ('straight', 'turning'):
    away = np.stack([r[key] - r['path'] for r in rows]).reshape(60, 4, 2)
    error = np.linalg.norm(away, axis=-1)
    assert numbers[f'{key}_ade'] == pytest.approx(error.mean(), rel=1e-4)
    last = error[:, -1].mean()
    assert numbers[f'{key}_fde'] == pytest.approx(last, rel=1e-4)
  found.figures['path'](tmp_path / 'path.png')
  assert (tmp_path / 'path.png').stat().st_size > 20_000
