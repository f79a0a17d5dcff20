import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.decoders import BeamSearch, Greedy, Sample, TextDecoder, Write
from mmjax.decoders.generate import make_generate
from mmjax.encoders.text import TextTransformer
from mmjax.fusion import Only
from mmjax.layers import LearnedPositions
from mmjax.models import Generative
from mmjax.models.lora import LoRA
from mmjax.models.task_weights import TaskWeights

MODEL = Generative(
  encoders={'source': TextTransformer(width=8, depth=0, heads=2)},
  fusion=Only(modality='source'),
  decoder=TextDecoder(
    width=8, depth=1, heads=2, positions=LearnedPositions(length=16)
  ),
)
ANSWER = jnp.array([[0, 0, 0, 1, 1, 0], [0, 1, 1, 1, 0, 0]])


@pytest.fixture(scope='module')
def case():
  text = jnp.array([[1, 70, 71, 80, 2, 0], [1, 81, 82, 2, 0, 0]])
  batch = {
    'source': jnp.array([[1, 90, 2], [1, 91, 2]]),
    'text': text,
    'answer': ANSWER,
    'mask': {'source': jnp.ones((2, 3), bool), 'text': text > 0},
    'index': jnp.array([4, 9]),
  }
  shapes = jax.eval_shape(MODEL.init, jax.random.key(0), batch)
  rng = np.random.default_rng(0)
  variables = jax.tree.map(
    lambda s: jnp.asarray(rng.normal(size=s.shape), s.dtype), shapes
  )
  return variables, batch


def write(case, run):
  variables, batch = case
  return jax.jit(lambda v, b: run(MODEL, v, b))(variables, batch)


def test_what_is_given_is_continued(case):
  greedy = Greedy(length=4)
  variables, batch = case
  found = write(case, Write(decoding=greedy, only='answer'))
  prompt = jnp.array([[1, 70, 71], [1, 0, 0]])
  want = make_generate(MODEL, greedy)(
    variables, prompt, prompt > 0, batch=batch
  )
  np.testing.assert_array_equal(found['tokens'], want.tokens)
  # The answer itself is not looked at.
  other = {**batch, 'text': jnp.where(ANSWER > 0, 99, batch['text'])}
  again = write((variables, other), Write(decoding=greedy, only='answer'))
  np.testing.assert_array_equal(again['tokens'], found['tokens'])


@pytest.mark.slow
def test_without_an_answer_the_first_token_is_given(case):
  search = BeamSearch(beams=2, length=3, stop=(2,))
  variables, batch = case
  found = write(case, Write(decoding=search))
  prompt = jnp.ones((2, 1), jnp.int32)
  want = make_generate(MODEL, search)(
    variables, prompt, prompt > 0, batch=batch
  )
  np.testing.assert_array_equal(found['tokens'], want.tokens)
  np.testing.assert_array_equal(found['mask'], want.mask)


@pytest.mark.slow
def test_an_example_draws_by_its_index(case):
  variables, batch = case
  run = Write(decoding=Sample(length=6), seed=3)
  found = write(case, run)['tokens']
  turned = jax.tree.map(lambda x: x[::-1], batch)
  np.testing.assert_array_equal(
    write((variables, turned), run)['tokens'], found[::-1]
  )
  assert (found[0] != found[1]).any()


@pytest.mark.slow
def test_with_lora_it_writes_what_the_merged_model_does(case):
  variables, batch = case
  lora = LoRA(model=MODEL, kernels=('/(query|up)/kernel$',), rank=2, alpha=4.0)
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(lora.init, jax.random.key(0), batch)['params']['lora']
  factors = jax.tree.map(
    lambda s: jnp.asarray(rng.normal(size=s.shape), s.dtype), shapes
  )
  params = {**variables['params'], 'lora': factors}
  run = Write(decoding=Greedy(length=6))
  # A wrapper around a wrapper, too.
  wrapped = TaskWeights(model=lora, tasks=('logits',))
  got = jax.jit(lambda v, b: run(wrapped, v, b))({'params': params}, batch)
  merged = {'params': lora.merge(params)}
  want = write((merged, batch), run)['tokens']
  np.testing.assert_array_equal(got['tokens'], want)
  assert (want != write(case, run)['tokens']).any()
