"""Logits in tiles give what all logits give, and need less memory."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.objectives import NextToken


def _float():
  return jnp.float64 if jax.config.jax_enable_x64 else jnp.float32


def _case(rng, *, b=3, t=7, d=5, words=23):
  def normal(*shape):
    return jnp.asarray(rng.normal(size=shape), _float())

  x, kernel, bias = normal(b, t, d), normal(words, d), normal(words)
  mask = np.array([7, 4, 1])[:, None] > np.arange(t)[None]
  text = np.where(mask, rng.integers(0, words, (b, t)), 10**6)
  batch = {
    'text': jnp.asarray(text),
    'mask': {'text': jnp.asarray(mask)},
    'answer': jnp.asarray(rng.integers(0, 2, (b, t))),
    'weight': jnp.asarray([1.0, 3.0, 2.0], _float()),
  }
  return (x, {'kernel': kernel.T, 'bias': bias}), batch


@functools.partial(jax.jit, static_argnums=0)
def _measure(objective, made_of, batch):
  """Losses, and gradients by the tokens and the last layer."""

  def total(made_of):
    x, layer = made_of
    if objective.tile is None:
      kernel = layer['table'].T if 'table' in layer else layer['kernel']
      bias = layer.get('bias', jnp.zeros(kernel.shape[1]))
      logits = x @ kernel + bias[None, None]
      outputs = {'logits': {'logits': logits}}
    else:
      outputs = {
        'logits': {},
        'unscored': {'logits': x},
        'shared': {'scorers': {'logits': layer}},
      }
    term = objective(outputs, batch)['text']
    return (term.loss * term.weight).sum(), term

  slopes, term = jax.grad(total, has_aux=True)(made_of)
  return term, slopes


def _close(got, want, tolerance):
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(
      a, b, rtol=0, atol=tolerance * max(np.abs(b).max(), 1)
    ),
    got,
    want,
  )


@pytest.mark.parametrize(
  ('layer', 'tile', 'options'),
  [
    ('table', 4, {'label_smoothing': 0.2, 'z_loss': 0.1}),
    ('kernel', 10, {'only': 'answer', 'label_smoothing': 0.1}),
    ('kernel', 99, {'z_loss': 0.3}),
    ('no bias', 1, {}),
  ],
)
def test_tiles_give_what_all_logits_give(rng, layer, tile, options):
  with jax.enable_x64(True):
    (x, arrays), batch = _case(rng)
    if layer == 'table':
      arrays = {'table': arrays['kernel'].T}
    elif layer == 'no bias':
      arrays = {'kernel': arrays['kernel']}
    want = _measure(NextToken(**options), (x, arrays), batch)
    got = _measure(NextToken(**options, tile=tile), (x, arrays), batch)
    _close(got, want, 1e-12)
    assert all(np.abs(s).max() > 0.1 for s in jax.tree.leaves(want[1]))


def test_tiles_are_exact_in_single_precision(rng):
  case = _case(rng)
  want = _measure(NextToken(), *case)
  _close(_measure(NextToken(tile=6), *case), want, 1e-6)


def test_what_is_no_target_changes_nothing(rng):
  (x, layer), batch = _case(rng)
  real = np.asarray(batch['mask']['text'])
  # The last of a text is followed by nothing.
  told = np.pad(real[:, 1:], ((0, 0), (0, 1)))[..., None]
  objective = NextToken(tile=6, label_smoothing=0.1)
  want = _measure(objective, (x, layer), batch)
  for value in (1e4, np.nan):
    hidden = jnp.where(told, x, value)
    _close(_measure(objective, (hidden, layer), batch), want, 1e-6)


def test_half_precision_is_summed_in_full(rng):
  made_of, batch = _case(rng, d=64, words=300)
  half = jax.tree.map(lambda x: (x / 8).astype(jnp.bfloat16), made_of)
  full = jax.tree.map(lambda x: x.astype(jnp.float32), half)
  want, slopes = _measure(NextToken(), full, batch)
  got, got_slopes = _measure(NextToken(tile=16), half, batch)
  assert got.loss.dtype == jnp.float32
  assert got_slopes[0].dtype == jnp.bfloat16
  np.testing.assert_allclose(got.loss, want.loss, rtol=1e-5)
  np.testing.assert_allclose(got_slopes[0], slopes[0], rtol=0.02, atol=1e-3)


@pytest.mark.slow
def test_memory_does_not_grow_with_tokens_times_words():
  def temporaries(tile, tokens, words, d=8):
    def shape(*sizes, dtype=jnp.float32):
      return jax.ShapeDtypeStruct(sizes, dtype)

    batch = {
      'text': shape(1, tokens, dtype=jnp.int32),
      'mask': {'text': shape(1, tokens, dtype=bool)},
      'weight': shape(1),
    }
    made_of = shape(1, tokens, d), {'table': shape(words, d)}
    lowered = _measure.lower(NextToken(tile=tile), made_of, batch)
    return lowered.compile().memory_analysis().temp_size_in_bytes

  whole = temporaries(None, 1024, 4096)
  assert whole >= 4 * 1024 * 4096
  small, large = temporaries(64, 1024, 4096), temporaries(64, 2048, 8192)
  assert small < whole / 20
  # Twice the tokens and twice the words, not four times the logits.
  assert large < 2.5 * small


def test_either_side_says_what_it_lacks(rng):
  (x, layer), batch = _case(rng)
  logits = {'logits': {'logits': jnp.zeros((3, 7, 23))}}
  with pytest.raises(ValueError, match=r"Unscored and has head 'logits', this"):
    NextToken(tile=8)(logits, batch)
  unscored = {
    'logits': {},
    'unscored': {'logits': x},
    'shared': {'scorers': {'logits': layer}},
  }
  with pytest.raises(ValueError, match='the objective needs a tile'):
    NextToken()(unscored, batch)
  with pytest.raises(ValueError, match='tile 0 is below 1'):
    NextToken(tile=0)
  with pytest.raises(ValueError, match=r'z_loss -1.0 is below 0'):
    NextToken(z_loss=-1.0)
