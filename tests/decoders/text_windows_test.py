"""Texts about long clips are put together of those about their windows."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.decoders import (
  BeamSearch,
  Greedy,
  Sample,
  TextWindows,
  join_texts,
  make_generate,
  make_generate_long,
)
from mmjax.types import Tokens

STEP, END, WORDS = 4, 2, 40
TRACED = []


class Reader(nn.Module):
  """Writes the ids that a clip's steps hold, then ends; 0 is silence."""

  def listen(self, batch, *, train=False):
    x, mask = batch['sensor'], batch['mask']['sensor']
    TRACED.append(x.shape)
    ids = jnp.where(mask, x[..., 0], 0).reshape(len(x), -1, STEP).max(axis=-1)
    order = jnp.argsort(ids == 0, axis=1, stable=True)
    ids = jnp.take_along_axis(ids, order, axis=1)
    ids = jnp.pad(ids, ((0, 0), (0, 1)))
    return {}, Tokens(jnp.where(ids == 0, END, ids)[..., None], ids >= 0)

  @nn.compact
  def decode(self, text, mask, slots, context=None):
    b = len(text)
    made = self.variable(
      'cache', 'made', lambda: jnp.zeros((b, 1, 1, 1), jnp.int32)
    )
    heard = self.variable(
      'context', 'heard', lambda: context.x[:, None, None, :, 0]
    )
    at = made.value[:, 0, 0, 0]
    made.value = made.value + 1
    new = jnp.take_along_axis(heard.value[:, 0, 0], at[:, None], axis=1)[:, 0]
    return 10.0 * jax.nn.one_hot(new.astype(jnp.int32), WORDS)


WINDOWS = TextWindows(steps={'sensor': STEP}, window=6, overlap=3, batch=2)


def clips_of(*texts):
  """Clips in which each id takes one step; their ends are not whole steps."""
  length = max(map(len, texts)) * STEP
  x = np.full((len(texts), length, 1), 99.0, np.float32)
  mask = np.zeros((len(texts), length), bool)
  for i, text in enumerate(texts):
    count = max(0, len(text) * STEP - 1)
    x[i, :count, 0] = np.repeat(text, STEP)[:count]
    mask[i, :count] = True
  return {'sensor': x, 'mask': {'sensor': mask}}


def write(batch, *, decoding=None, windows=WINDOWS):
  decoding = decoding or Greedy(length=8, stop=(END,))
  run = make_generate_long(Reader(), decoding, windows)
  prompt = np.ones((len(batch['sensor']), 1), np.int32)
  found = run({}, prompt, prompt > 0, batch=batch)
  return [
    ids[real].tolist()
    for ids, real in zip(found['tokens'], found['mask'], strict=True)
  ]


LONG = [*range(5, 30)]
PAUSES = [5, 6, *[0] * 9, 7, 8, 0, 9, *[0] * 8, 10]
SAID = [i for i in PAUSES if i]


@pytest.mark.parametrize('decoding', ['greedy', 'beam'])
def test_clips_of_all_lengths_are_written_as_a_whole(decoding):
  texts = LONG, [7, 8], [], [*range(10, 19)], PAUSES, [0, 0, 0, 31]
  search = BeamSearch(beams=2, length=8, stop=(END,))
  greedy = Greedy(length=8, stop=(END,), pad=3)
  TRACED.clear()
  used = greedy if decoding == 'greedy' else search
  found = write(clips_of(*texts), decoding=used)
  assert found == [LONG, [7, 8], [], [*range(10, 19)], SAID, [31]]
  # The same program, whatever the length and number of clips.
  assert set(TRACED) == {(2, 6 * STEP, 1)}
  assert len(TRACED) == 1


def test_a_clip_alone_is_written_as_in_a_batch(rng):
  # Ids that come again, silence and an uneven end.
  texts = [rng.integers(0, 7, n) for n in (3, 11, 26)]
  texts = [np.where(text > 0, text + 4, 0).tolist() for text in texts]
  together = write(clips_of(*texts))
  for text, found in zip(texts, together, strict=True):
    assert write(clips_of(text)) == [found]
  assert write(clips_of(*texts[::-1])) == together[::-1]


def test_it_is_what_the_windows_say_joined():
  text = [*range(5, 16)]
  batch = clips_of(text)
  greedy = Greedy(length=8, stop=(END,))
  prompt = np.ones((1, 1), np.int32)
  alone, lengths = [], []
  for start in (0, 3, 6):
    x, mask = batch['sensor'], batch['mask']['sensor']
    part = slice(start * STEP, (start + 6) * STEP)
    fill = [(0, 0), (0, 6 * STEP - x[:, part].shape[1])]
    some = {
      'sensor': np.pad(x[:, part], [*fill, (0, 0)]),
      'mask': {'sensor': np.pad(mask[:, part], fill)},
    }
    found = make_generate(Reader(), greedy)({}, prompt, prompt > 0, batch=some)
    alone.append(np.asarray(found.tokens)[0][np.asarray(found.mask)[0]][:-1])
    lengths.append(min(6, len(text) - start))
  want = join_texts(
    [ids.tolist() for ids in alone], lengths, stride=3, overlap=3
  )
  assert write(batch) == [want] == [text]


def test_what_cannot_be_done_is_said():
  with pytest.raises(ValueError, match='least 0 is below 1'):
    TextWindows(steps={'sensor': 1}, window=2, overlap=1, least=0)
  with pytest.raises(ValueError, match='overlap 6 is not from 0 to below'):
    TextWindows(steps={'sensor': 1}, window=6, overlap=6)
  # Two windows that are drawn are not the same where they overlap.
  with pytest.raises(ValueError, match='sampling needs keys'):
    write(clips_of(LONG), decoding=Sample(length=8))
