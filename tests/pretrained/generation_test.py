"""What checkpoints write, without transformers: fixtures against themselves."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

from mmjax import pretrained
from mmjax.models.lora import LoRA
from mmjax.pretrained.generation import Options
from mmjax.pretrained.transcribe import cut
from mmjax.types import InputError

FIXTURES = Path(__file__).with_name('fixtures')
PROMPTS = [[5, 6, 7, 8], [40], [33, 44]]


@pytest.fixture(scope='module')
def gpt2():
  return pretrained.load(FIXTURES / 'gpt2_language')


def test_each_token_is_the_best_one_behind_those_before_it(gpt2):
  found = gpt2.generate(text=PROMPTS, max_new_tokens=4, stop=())
  assert found['text'] is None
  written = found['tokens'].tolist()
  whole = [[*p, *new] for p, new in zip(PROMPTS, written, strict=True)]
  text, mask = gpt2.preprocess.text.stack(whole)
  logits = gpt2.apply({'text': text, 'mask': {'text': mask}})['logits']
  best = np.asarray(logits).argmax(axis=2)
  for row, prompt in enumerate(PROMPTS):
    count = len(prompt)
    want = best[row, count - 1 : count + 3]
    np.testing.assert_array_equal(found['tokens'][row], want)


def test_what_cannot_be_written_is_an_error(gpt2):
  vit = pretrained.load(FIXTURES / 'vit_classifier')
  with pytest.raises(InputError, match='a vit writes no text here'):
    vit.generate(image=np.zeros((8, 8, 3), np.uint8))
  with pytest.raises(InputError, match='a vit has no stream here'):
    vit.stream(text='a')
  with pytest.raises(InputError, match='text 1 has no token'):
    gpt2.generate(text=[[3], []])
  with pytest.raises(InputError, match='beams=3: a beam search has no stream'):
    next(gpt2.stream(text=[[3]], beams=3))
  with pytest.raises(InputError, match='a beam search draws nothing'):
    Options(beams=2, temperature=0.5)
  # There are 20 places; the last id that is written needs none.
  with pytest.raises(ValueError, match='21 positions are more than length 20'):
    gpt2.generate(text=[[3]], max_new_tokens=21)


def test_a_seed_belongs_to_each_example():
  keys = Options(top_k=3, seed=4).keys(3)
  assert Options().keys(3) is None
  data = np.asarray(jax.random.key_data(keys))
  assert len(np.unique(data, axis=0)) == 3
  fewer = jax.random.key_data(Options(top_k=3, seed=4).keys(2))
  np.testing.assert_array_equal(fewer, data[:2])


TIME = 50  # id of time 0


@pytest.mark.parametrize(
  ('tokens', 'kept', 'step'),
  [
    # No times, one, or one alone at the end: all of it is heard.
    ([7, 8], 2, 90),
    ([50, 7, 8], 3, 90),
    ([50, 7, 60], 3, 90),
    ([50, 7, 60, 60, 8, 70], 6, 90),
    # The next window begins where the last whole piece ends.
    ([50, 7, 60, 60, 8], 4, 20),
    ([50, 7, 60, 61, 8, 70, 70], 7, 40),
    # A window that would begin again and again is left.
    ([50, 50, 8], 2, 90),
    ([], 0, 90),
  ],
)
def test_a_window_is_cut_behind_its_last_whole_piece(tokens, kept, step):
  assert cut(tokens, TIME, 90) == (tokens[:kept], step)
  assert cut(tokens, None, 90) == (tokens, 90)


def _with_lora(loaded, batch):
  """With corrections that are large, and the same with them added in."""
  lora = LoRA(model=loaded.model, kernels=('/(query|up)/kernel$',), rank=2)
  rng = np.random.default_rng(0)
  shapes = jax.eval_shape(lora.init, jax.random.key(0), batch)['params']['lora']
  factors = jax.tree.map(
    lambda s: rng.normal(size=s.shape).astype(np.float32), shapes
  )
  params = {**loaded.params, 'lora': factors}
  return (
    dataclasses.replace(loaded, model=lora, params=params),
    dataclasses.replace(loaded, params=lora.merge(params)),
  )


def test_with_lora_a_language_model_writes_what_the_merged_one_does(gpt2):
  text, mask = gpt2.preprocess.text.stack(PROMPTS)
  wrapped, merged = _with_lora(gpt2, {'text': text, 'mask': {'text': mask}})
  options = Options(max_new_tokens=4, stop=())
  got = wrapped.generate(text=PROMPTS, options=options)['tokens']
  want = merged.generate(text=PROMPTS, options=options)['tokens']
  np.testing.assert_array_equal(got, want)
  plain = gpt2.generate(text=PROMPTS, options=options)['tokens']
  assert (want != plain).any()


@pytest.mark.slow
def test_with_lora_a_whisper_writes_what_the_merged_one_does():
  loaded = pretrained.load(FIXTURES / 'whisper_language')
  sound = np.random.default_rng(0).normal(size=2_000).astype(np.float32)
  batch = loaded.preprocess(audio=[sound], sampling_rate=16_000)
  text = np.ones((1, 3), np.int32)
  batch = {
    **batch, 'text': text, 'mask': {**batch['mask'], 'text': text > 0}
  }  # fmt: skip
  wrapped, merged = _with_lora(loaded, batch)
  given = {'audio': [sound], 'sampling_rate': 16_000, 'max_new_tokens': 5}
  got = wrapped.generate(**given)['tokens']
  np.testing.assert_array_equal(got, merged.generate(**given)['tokens'])
