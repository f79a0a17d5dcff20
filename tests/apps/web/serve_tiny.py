"""Serves the page of a tiny model, in a process of its own.

What Gradio leaves behind when it ends would be errors of the tests.
"""

import threading
import types

import numpy as np

from mmjax.apps.web.limits import Limits
from mmjax.apps.web.markup import Card, picture, sound
from mmjax.apps.web.page import make_page
from mmjax.apps.web.serve import serving
from mmjax.apps.web.tasks import Tasks
from tests.apps.web import tiny

LIMITS = Limits(megabytes=0.5, characters=60)


class _Tasks(Tasks):
  """A search that always finds the same, and says what it was asked."""

  kinds = types.MappingProxyType({'pictures': 'image', 'sounds': 'audio'})

  def modalities(self, task):
    return tiny.MODALITIES if task == 'search' else super().modalities(task)

  def search(self, inputs, *, kind):
    self.checkpoint.batch([inputs])
    red = picture(np.full((20, 30, 3), (255, 0, 0), np.uint8))
    tone = sound(np.sin(np.arange(8000) / 5).astype(np.float32))
    found = {
      'pictures': [Card('<i>red</i>.png', 0.75, red)],
      'sounds': [Card(str(inputs), 0.5, tone)],
    }
    return {kind: found[kind]} if kind != 'all' else found


def _make():
  tasks = _Tasks(tiny.checkpoint())
  return make_page(tasks, limits=LIMITS, title='Tiny <model>')


if __name__ == '__main__':
  with serving(_make, limits=LIMITS, port=0) as url:
    print(url, flush=True)
    threading.Event().wait()
