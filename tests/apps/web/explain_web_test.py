"""A checkpoint's answers, and why, as the page gives them."""

import io
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from mmjax.apps.web.limits import Upload
from mmjax.apps.web.tasks import Tasks
from mmjax.types import InputError
from tests.apps.web import sent, tiny

pytestmark = pytest.mark.slow


def png():
  return Upload('this picture', sent.png())


def wav():
  return Upload('this sound', sent.wav())


@pytest.fixture(scope='module')
def tasks():
  return Tasks(tiny.checkpoint())


def test_an_answer_is_the_models_and_says_what_mattered(tasks):
  inputs = {'image': png(), 'text': 'a cat'}
  told = tasks.classify(inputs, head='label', maps=True)
  checkpoint = tasks.checkpoint
  batch = checkpoint.batch([inputs])
  apply = jax.jit(checkpoint.model.apply)
  logits = apply(checkpoint.variables, batch)['logits']
  want = np.asarray(jax.nn.softmax(logits['label'][0]))
  got = [told.probabilities[name] for name in tiny.NAMES]
  np.testing.assert_allclose(got, want, atol=1e-5)
  # What is not there has neither effect nor map.
  rows = re.findall(r'<th scope="row">(\w+)</th>', told.effects)
  assert sorted(rows) == ['picture', 'words']
  batch['mask']['image'] = jnp.zeros(1, bool)
  logits = apply(checkpoint.variables, batch)['logits']
  less = jax.nn.softmax(logits['label'][0])[int(np.argmax(want))]
  assert f'{want.max():.1%} → {float(less):.1%}' in told.effects
  assert [m.caption.split()[3] for m in told.maps] == ['picture']
  assert Image.open(io.BytesIO(told.maps[0].png)).size == (330, 330)


def test_a_sound_has_a_map_of_time_and_one_of_attention(tasks):
  told = tasks.classify({'audio': wav()}, head='label', maps=True)
  covered, looked = told.maps
  assert covered.caption.startswith('Parts of the sound silenced')
  assert looked.caption.startswith('Attention')
  for drawn in told.maps:
    assert Image.open(io.BytesIO(drawn.png)).size == (374, 242)


def test_nothing_is_no_example(tasks):
  with pytest.raises(
    InputError, match='^Give a picture or words or a sound first'
  ):
    tasks.classify({}, head='label', maps=False)
  with pytest.raises(InputError, match='no such question'):
    tasks.classify({'text': 'x'}, head='__class__', maps=False)
