"""Long clips in windows are written down as if they were heard at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.decoders import CtcWindows, make_transcribe
from mmjax.encoders.audio import AudioSpectrogramTransformer
from mmjax.fusion.only import Only
from mmjax.layers.bert import NoPositions
from mmjax.layers.spectrogram import LogMel
from mmjax.models.fused import Fused
from mmjax.models.heads import TokenHead

STEP = 128
# A token hears its own step, one and a half before and two and a half behind.
ENCODER = AudioSpectrogramTransformer(
  spectrogram=LogMel(n_fft=256, hop=64, mels=8),
  patch_size=(4, 8),
  stride=(2, 8),
  positions=NoPositions(),
  width=8,
  depth=0,
  heads=1,
)
TRACED = []


class Counted(Fused):
  """Counts how often it is compiled."""

  def __call__(self, batch, *, train=False):
    TRACED.append(batch['audio'].shape)
    return super().__call__(batch, train=train)


FIELDS = {
  'encoders': {'audio': ENCODER},
  'fusion': Only(modality='audio'),
  'heads': {'transcript': TokenHead(classes=5, blank=0)},
}


def windows(**fields):
  fields = {'window': 16, 'overlap': 6, 'batch': 3, **fields}
  return CtcWindows(steps={'audio': STEP}, **fields)


@pytest.fixture
def clips(rng):
  """Two clips, one shorter, neither of whole tokens."""
  audio = rng.normal(size=(2, 50 * STEP + 37)).astype(np.float32)
  lengths = np.array([[audio.shape[1]], [20 * STEP + 5]])
  mask = np.arange(audio.shape[1])[None] < lengths
  return {'audio': audio, 'mask': {'audio': mask}}


@pytest.fixture
def variables(random_params, clips):
  return {
    'params': random_params(
      Fused(**FIELDS), jax.tree.map(jnp.asarray, clips), scale=1.0
    )
  }


def test_where_the_model_hears_less_far_than_the_overlap_nothing_changes(
  clips, variables
):
  want = jax.jit(Fused(**FIELDS).apply)(variables, clips)['logits']
  want = np.asarray(want['transcript'])
  found = make_transcribe(Fused(**FIELDS), windows())(variables, clips)
  count = want.shape[1]
  assert count == 50 < found['logits'].shape[1]
  np.testing.assert_allclose(found['logits'][:, :count], want, atol=1e-5)
  # Behind the last sample, which alone has a token more, nothing is said.
  assert not found['logits'][:, count + 1 :].argmax(axis=-1).any()
  # Not because windows would not matter.
  apart = make_transcribe(Fused(**FIELDS), windows(overlap=2))
  other = apart(variables, clips)['logits'][:, :count]
  assert np.abs(other - want)[0].max() > 1e-3


def test_one_program_serves_all_lengths(clips, variables):
  TRACED.clear()
  transcribe = make_transcribe(Counted(**FIELDS), windows())
  texts = []
  for seconds in (clips['audio'].shape[1], 25 * STEP, 9 * STEP):
    cut = jax.tree.map(lambda x, n=seconds: x[:, :n], clips)
    found = transcribe(variables, cut)
    texts.append(
      [
        i[m].tolist()
        for i, m in zip(found['tokens'], found['mask'], strict=True)
      ]
    )
  assert set(TRACED) == {(3, 16 * STEP)}
  # The second clip ends before the first cut, and a clip has the same text
  # beside a longer one.
  assert texts[0][1] == texts[1][1] != []
  alone = jax.tree.map(lambda x: x[1:], clips)
  found = transcribe(variables, alone)
  assert found['tokens'][0][found['mask'][0]].tolist() == texts[0][1]


def test_what_cannot_be_cut_is_named(clips, variables):
  with pytest.raises(ValueError, match='overlap 16 is not from 0 to below'):
    windows(overlap=16)
  with pytest.raises(ValueError, match='below 1'):
    windows(batch=0)
  video = CtcWindows(steps={'video': 1}, window=8, overlap=2)
  with pytest.raises(ValueError, match="cut from 'video', the batch has only"):
    make_transcribe(Fused(**FIELDS), video)(variables, clips)
  # It has a token for two of these steps.
  wrong = CtcWindows(steps={'audio': STEP // 2}, window=32, overlap=6, batch=3)
  with pytest.raises(ValueError, match='gives 15 tokens for a window of 32'):
    make_transcribe(Fused(**FIELDS), wrong)(variables, clips)
