"""A model gives what its logits are made of, and is the same model."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mmjax.decoders import Greedy, TextDecoder, make_generate
from mmjax.decoders.pointer import Pointer
from mmjax.encoders.text import TextTransformer
from mmjax.fusion.only import Only
from mmjax.layers.embed import ByteEmbedding
from mmjax.models import (
  Assistant,
  Copying,
  Generative,
  LanguageModel,
  LoRA,
  TaskWeights,
  Unscored,
)
from mmjax.objectives import NextToken
from mmjax.train.state import TrainState
from mmjax.train.step import make_train_step

SMALL = {'width': 8, 'depth': 1, 'heads': 2, 'mlp_ratio': 1.0}
EMBED = ByteEmbedding(vocabulary=20)
READS = {'document': TextTransformer(embed=EMBED, **SMALL)}
WRITES = {
  'encoders': READS,
  'fusion': Only(modality='document'),
  'decoder': TextDecoder(embed=EMBED, **SMALL),
}
LANGUAGE = LanguageModel(
  encoders={'text': TextTransformer(causal=True, embed=EMBED, **SMALL)},
  head=nn.Dense(20, use_bias=False),
)
MODELS = {
  'language': LANGUAGE,
  'generative': Generative(**WRITES),
  'assistant': Assistant(
    encoders={},
    projectors={},
    placeholders={},
    language=LANGUAGE.clone(head=nn.Dense(20)),
  ),
}
TEXT = jnp.array([[1, 4, 5, 2, 0], [1, 7, 8, 9, 2]])
BATCH = {
  'text': TEXT,
  'document': TEXT + 3,
  'mask': {'text': TEXT > 0, 'document': TEXT > 0},
  'weight': jnp.array([1.0, 2.0]),
  'index': jnp.arange(2),
}


@pytest.mark.parametrize('name', MODELS)
def test_what_it_gives_makes_the_logits(random_params, name):
  bare = MODELS[name]
  # Whatever else wraps a model has no need to know.
  model = TaskWeights(model=Unscored(model=bare), tasks=('write',))
  params = random_params(model, BATCH)
  alone = {k: v for k, v in params.items() if not k.startswith('write')}
  want = bare.apply({'params': alone}, BATCH)['logits']['logits']
  found = model.apply({'params': params}, BATCH, train=True)
  assert not found['logits']
  assert set(found['shared']) == {'log_variances', 'scorers'}
  layer = found['shared']['scorers']['logits']
  kernel = layer['table'].T if 'table' in layer else layer['kernel']
  assert ('bias' in layer) == (name == 'assistant')
  logits = found['unscored']['logits'] @ kernel
  logits = logits + layer.get('bias', jnp.zeros(20))[None, None]
  np.testing.assert_allclose(logits, want, atol=1e-5)
  # Whatever evaluates or decodes has logits as ever.
  evaluated = model.apply({'params': params}, BATCH)
  np.testing.assert_array_equal(evaluated['logits']['logits'], want)
  batch = BATCH if name == 'generative' else None
  given = TEXT[:, :2], TEXT[:, :2] > 0
  got, wanted = (
    make_generate(m, Greedy(length=4))({'params': p}, *given, batch=batch)
    for m, p in ((model, params), (bare, alone))
  )
  np.testing.assert_array_equal(got.tokens, wanted.tokens)


def test_a_corrected_kernel_scores(random_params):
  lora = LoRA(model=LANGUAGE, kernels=('^head/kernel$',))
  model = Unscored(model=lora)
  params = random_params(model, BATCH)
  found = model.apply({'params': params}, BATCH, train=True)
  kernel = found['shared']['scorers']['logits']['kernel']
  want = lora.merge(params)['head']['kernel']
  np.testing.assert_allclose(kernel, want, rtol=1e-6)
  assert np.abs(want - params['head']['kernel']).max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize('accumulate', [1, 2])
def test_training_is_the_same(random_params, accumulate):
  """Both ends of a shared table learn."""
  bare = MODELS['generative']
  params = random_params(bare, BATCH)
  tx = optax.sgd(1.0)

  def train(model, objective):
    step = make_train_step(
      model, {'write': objective}, tx, accumulate=accumulate
    )
    zero = jnp.zeros((), jnp.int32)
    state = TrainState(zero, params, tx.init(params), None, {})
    after, metrics = jax.jit(step)(state, BATCH, jax.random.key(0))
    slopes = jax.tree.map(lambda a, b: a - b, params, after.params)
    return metrics['loss'].total, slopes

  want = train(bare, NextToken(label_smoothing=0.1))
  got = train(Unscored(model=bare), NextToken(label_smoothing=0.1, tile=3))
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
    got,
    want,
  )
  assert np.abs(want[1]['encoders_document']['embed']['table']).max() > 0.01


def test_what_cannot_be_unscored_says_so():
  with pytest.raises(ValueError, match='TaskWeights does not say what'):
    Unscored(model=TaskWeights(model=LANGUAGE, tasks=('write',)))
  key = jax.random.key(0)
  for model, message in (
    (Copying(**WRITES, pointer=Pointer(width=4)), 'Copying adds what it'),
    (LANGUAGE.clone(head=nn.DenseGeneral(20)), 'DenseGeneral are no products'),
  ):
    unscored = Unscored(model=model)
    variables = jax.eval_shape(unscored.init, key, BATCH)

    def train(variables, unscored=unscored):
      return unscored.apply(variables, BATCH, train=True)

    with pytest.raises(ValueError, match=message):
      jax.eval_shape(train, variables)
