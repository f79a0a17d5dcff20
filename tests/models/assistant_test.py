import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.data.chat import ChatTemplate
from mmjax.decoders import Greedy, make_generate
from mmjax.encoders import TextTransformer, ViT
from mmjax.encoders.sensor import SensorTransformer
from mmjax.layers.embed import ByteEmbedding, LearnedPositions
from mmjax.models import Assistant, LanguageModel
from mmjax.models.projectors import LinearProjector, MlpProjector, Resampler
from mmjax.objectives.next_token import NextToken

WIDTH, VOCABULARY = 16, 262
MARKS = {'image': 260, 'sensor': 261}
SMALL = {'depth': 1, 'heads': 2}
CHAT = ChatTemplate(
  length=40, placeholders=MARKS, tokens={'image': 4, 'sensor': 2}
)
MODEL = Assistant(
  encoders={
    'image': ViT(patch_size=4, width=8, **SMALL),
    'sensor': SensorTransformer(width=8, **SMALL),
  },
  projectors={
    'image': MlpProjector(width=WIDTH),
    'sensor': Resampler(width=WIDTH, tokens=2, depth=1, heads=2),
  },
  language=LanguageModel(
    encoders={
      'text': TextTransformer(
        width=WIDTH,
        **SMALL,
        causal=True,
        embed=ByteEmbedding(vocabulary=VOCABULARY),
        positions=LearnedPositions(length=64),
      )
    }
  ),
  placeholders=MARKS,
)


def conversation(*media, text='ab?', answer='yes'):
  parts = [{'type': name} for name in media]
  asked = [*parts, {'type': 'text', 'text': text}]
  messages = [{'role': 'user', 'content': asked}]
  if answer is None:
    return CHAT(messages, reply=True)
  return CHAT([*messages, {'role': 'assistant', 'content': answer}])


def batch_of(rng, rows, images, sensors):
  """Conversations, with as many items of each modality as are said."""
  count = len(rows)
  return {
    'image': rng.random((count, 2, 8, 8, 3), np.float32),
    'sensor': rng.normal(size=(count, 2, 10, 3)).astype(np.float32),
    'text': np.stack([row.text for row in rows]),
    'answer': np.stack([row.answer for row in rows]),
    'mask': {
      'image': np.arange(2) < np.array(images)[:, None],
      'sensor': np.broadcast_to(
        np.arange(2) < np.array(sensors)[:, None], (10, count, 2)
      ).transpose(1, 2, 0),
      'text': np.stack([row.mask for row in rows]),
    },
    'weight': np.ones(count, np.float32),
  }


@pytest.fixture(scope='module')
def batch():
  rows = [
    conversation('image', 'sensor', 'image'),
    conversation('sensor', text='what is heard?', answer='no'),
    conversation('image', text='q'),
  ]
  # The third one's picture is missing.
  return batch_of(np.random.default_rng(0), rows, [2, 0, 0], [1, 1, 0])


@pytest.fixture(scope='module')
def params(batch):
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(MODEL.init, jax.random.key(0), batch)['params']
  return jax.tree.map(
    lambda s: jnp.asarray(rng.normal(size=s.shape) * 0.3, s.dtype), shapes
  )


@functools.cache
def _run():
  return jax.jit(MODEL.apply)


def logits(params, batch):
  return np.asarray(_run()({'params': params}, batch)['logits']['logits'])


@pytest.mark.slow
def test_placeholders_are_read_as_the_projected_tokens(params, batch):
  """The same as the language model alone on the vectors put in by hand."""
  listen = jax.jit(functools.partial(MODEL.apply, method='listen'))
  tokens, media = listen({'params': params}, batch)
  # Two pictures of four tokens each, and the latents of one sensor.
  assert tokens['image'].x.shape == (3, 8, 8)
  np.testing.assert_array_equal(media['image'].mask.sum(axis=1), [8, 0, 0])
  np.testing.assert_array_equal(media['sensor'].mask.sum(axis=1), [2, 2, 0])
  table = params['language']['encoders_text']['embed']['table']
  text = batch['text']
  vectors = np.array(table)[text]
  for row, name in [(0, 'image'), (0, 'sensor'), (1, 'sensor')]:
    places = np.flatnonzero(text[row] == MARKS[name])
    count = int(media[name].mask[row].sum())
    assert len(places) == count
    vectors[row, places] = media[name].x[row, :count]

  class Given(ByteEmbedding):
    def __call__(self, text, width):
      return super().__call__(text, width) * 0 + vectors

  encoder = MODEL.language.encoders['text']
  given = LanguageModel(
    encoders={'text': encoder.clone(embed=Given(vocabulary=VOCABULARY))}
  )
  read = jax.jit(given.apply)
  want = read({'params': params['language']}, batch)['logits']['logits']
  real = batch['mask']['text']
  got = logits(params, batch)
  np.testing.assert_allclose(got[real], want[real], atol=1e-5)


def test_what_is_masked_changes_nothing(params, batch):
  want = logits(params, batch)

  def spoil(x, mask):
    mask = mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))
    return np.where(mask, x, np.nan)

  mask = batch['mask']
  spoilt = {
    **batch,
    'image': spoil(batch['image'], mask['image']),
    'sensor': spoil(batch['sensor'], mask['sensor']),
    'text': np.where(mask['text'], batch['text'], MARKS['image']),
  }
  got = logits(params, spoilt)
  np.testing.assert_array_equal(got[mask['text']], want[mask['text']])
  objective = NextToken(only='answer')

  def loss(params, batch):
    (term,) = objective(MODEL.apply({'params': params}, batch), batch).values()
    return (term.loss * term.weight).sum()

  slope = jax.jit(jax.grad(loss))
  for new, old in zip(
    jax.tree.leaves(slope(params, spoilt)),
    jax.tree.leaves(slope(params, batch)),
    strict=True,
  ):
    np.testing.assert_array_equal(new, old)


def test_each_picture_is_read_where_it_stands(params, batch):
  """Of two pictures, the second changes nothing before its place."""
  want = logits(params, batch)
  image = batch['image'].copy()
  image[0, 1] = 0
  got = logits(params, {**batch, 'image': image})
  first = np.flatnonzero(batch['text'][0] == MARKS['image'])[4]
  np.testing.assert_array_equal(got[0, :first], want[0, :first])
  assert np.abs(got[0, first] - want[0, first]).max() > 1e-3
  np.testing.assert_array_equal(got[1:], want[1:])


@pytest.mark.slow
def test_it_writes_what_the_whole_conversation_at_once_would_say(params, rng):
  rows = [
    conversation('image', answer=None),
    conversation('sensor', 'image', text='which one?', answer=None),
  ]
  batch = batch_of(rng, rows, [1, 1], [0, 1])
  write = make_generate(MODEL, Greedy(length=5, stop=()))
  text, mask = batch['text'], batch['mask']['text']
  prompt = jnp.asarray(text), jnp.asarray(mask)
  heard = {
    'image': batch['image'],
    'sensor': batch['sensor'],
    'mask': batch['mask'],
  }
  variables = {'params': params}
  found = write(variables, *prompt, batch=heard)
  whole, real = text.copy(), mask.copy()
  for row in range(2):
    here = slice(mask[row].sum(), mask[row].sum() + 5)
    whole[row, here] = found.tokens[row]
    real[row, here] = True
  full = {**batch, 'text': whole, 'mask': {**batch['mask'], 'text': real}}
  log_p = jax.nn.log_softmax(logits(params, full))
  for row in range(2):
    before = mask[row].sum() - 1 + np.arange(5)
    want = log_p[row, before]
    np.testing.assert_array_equal(found.tokens[row], want.argmax(axis=-1))
    np.testing.assert_allclose(found.log_p[row], want.max(axis=-1), atol=1e-5)


def test_a_modality_that_no_batch_has_is_in_none_of_its_examples(params, batch):
  mask = {k: v for k, v in batch['mask'].items() if k != 'sensor'}
  without = {k: v for k, v in batch.items() if k != 'sensor'} | {'mask': mask}
  got = logits(params, without)
  masks = {**batch['mask'], 'sensor': np.zeros_like(batch['mask']['sensor'])}
  want = logits(params, {**batch, 'mask': masks})
  real = batch['mask']['text']
  np.testing.assert_allclose(got[real], want[real], atol=1e-5)


def test_the_parts_must_be_of_the_same_modalities():
  fields = {
    'encoders': MODEL.encoders,
    'projectors': MODEL.projectors,
    'language': MODEL.language,
    'placeholders': MARKS,
  }
  with pytest.raises(ValueError, match=r"projectors are of \['image'\]"):
    Assistant(**{**fields, 'projectors': {'image': LinearProjector(width=8)}})
  with pytest.raises(ValueError, match='are not unique'):
    Assistant(**{**fields, 'placeholders': {'image': 5, 'sensor': 5}})
  with pytest.raises(ValueError, match="target 'image' has an encoder"):
    Assistant(**fields, target='image')
