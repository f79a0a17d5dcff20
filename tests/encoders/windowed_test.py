import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.htsat import HTSAT
from mmjax.encoders.swin import Swin
from mmjax.layers.decibels import DecibelMel
from mmjax.layers.feature_fusion import AttentionalFusion

MEL = DecibelMel(
  sample_rate=8_000, n_fft=64, hop=40, mels=8, fmax=4_000.0, length=600
)
SMALL = {'width': 4, 'depths': (1, 1), 'heads': (1, 2), 'window': 2}


def test_the_size_is_that_of_the_paper():
  image, mask = jnp.zeros((1, 224, 200, 3)), jnp.ones((1,), bool)
  encoder = Swin()
  tokens, variables = jax.eval_shape(
    lambda: encoder.init_with_output(jax.random.key(0), image, mask)
  )
  leaves = jax.tree.leaves(variables['params'])
  # Swin-T of https://github.com/microsoft/Swin-Transformer, without the 1000
  # classes' dense layer.
  assert sum(leaf.size for leaf in leaves) == 28_288_354 - 769_000
  assert encoder.grid(224, 200) == (7, 7)
  assert tokens.x.shape == (1, 49, 768)


def test_fields_are_checked():
  with pytest.raises(ValueError, match=r'depths \(2, 2\) and heads \(3,\) are'):
    Swin(depths=(2, 2), heads=(3,))
  with pytest.raises(ValueError, match='width 192 is not divisible by heads 5'):
    Swin(depths=(2, 2), heads=(3, 5))
  with pytest.raises(ValueError, match='window 0 is below 1'):
    Swin(window=0)
  with pytest.raises(ValueError, match='16 frames are more than the 8 of a'):
    HTSAT(spectrogram=MEL, size=8, **SMALL)
  with pytest.raises(
    ValueError, match='4 rows of tokens in a square of size 28'
  ):
    HTSAT(spectrogram=MEL, size=28, **SMALL)
  with pytest.raises(ValueError, match='views of the spectrogram and fusion'):
    HTSAT(spectrogram=MEL, size=16, fusion=AttentionalFusion(), **SMALL)


def test_pieces_of_the_spectrogram_lie_one_below_the_other():
  """Sixteen bands twice: the second half of the frames is the lower half."""
  encoder = HTSAT(spectrogram=MEL, size=16, **SMALL)
  assert encoder.pieces == 2
  frames, bands = np.meshgrid(np.arange(32), np.arange(8), indexing='ij')
  x = jnp.asarray(frames * 100 + bands, jnp.float32)[None, None]
  got = np.asarray(encoder._fold(x))[0, 0]
  want = np.concatenate([(frames * 100 + bands).T[:, half] for half in
                         (slice(0, 16), slice(16, 32))])  # fmt: skip
  np.testing.assert_array_equal(got, want)
  # Sixteen frames are seen at both ends where they are half as many.
  got = np.asarray(encoder._fold(x[:, :, :16]))[0, 0]
  np.testing.assert_allclose(got[0, 0], 0, atol=1e-4)
  np.testing.assert_allclose(got[-1, -1], 1_507, atol=1e-3)


def test_tokens_are_in_the_order_of_time(rng, random_params):
  """A click is noticed where it is, when a token sees its patch alone."""
  encoder = HTSAT(
    spectrogram=MEL,
    size=16,
    **{**SMALL, 'depths': (1,), 'heads': (1,), 'window': 1},
  )
  assert encoder.grid(600) == (8, 2)
  wave = jnp.asarray(rng.normal(size=(1, 600)) * 0.1, jnp.float32)
  mask = jnp.ones((1, 600), bool)
  params = random_params(encoder, wave, mask)
  stats = {'mel_norm': {'mean': jnp.zeros(8), 'var': jnp.ones(8)}}
  run = jax.jit(encoder.apply)
  variables = {'params': params, 'batch_stats': stats}
  # Frame 11 of 16: moment 5 of 8, four of 32 frames each.
  clicked = wave.at[0, 11 * 40].add(1.0)
  change = run(variables, clicked, mask).x - run(variables, wave, mask).x
  change = np.abs(change).max(axis=-1).reshape(8, 2)
  assert (change[5] > 1e-3).all()
  assert (change[[0, 1, 2, 3, 7]] < 1e-5).all()
