import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmjax.encoders.waveform import WaveformTransformer
from mmjax.layers.waveform import ConvPositions, WaveformDoor

ENCODER = WaveformTransformer(
  door=WaveformDoor(widths=(8,), kernels=(4,), strides=(2,)),
  positions=ConvPositions(kernel=3, groups=2),
  width=8,
  depth=0,
  heads=2,
  mask_token=True,
  mask_length=4,
)


@pytest.mark.slow
def test_spans_of_so_many_frames_are_hidden(rng):
  audio = jnp.asarray(rng.normal(size=(2, 4_002)), jnp.float32)
  mask = jnp.ones(audio.shape, bool)
  variables = jax.jit(ENCODER.init)(jax.random.key(0), audio, mask)
  hiding = ENCODER.copy(mask_rate=0.02)

  def hidden(audio):
    rngs = {'dropout': jax.random.key(1)}
    return hiding.apply(variables, audio, mask, train=True, rngs=rngs).x

  # What is hidden does not depend on the sound, but for a frame's neighbours.
  same = (hidden(audio) == hidden(-jnp.square(audio))).all(axis=-1)
  share = float(same.mean())
  # Of spans of 4 frames, whose outer frames see others: 1 - 0.98 ** 4.
  assert 0.01 < share < 0.08
  lengths = [len(run) for row in np.asarray(same) for run in _runs(row)]
  assert min(lengths) == 2


def _runs(row):
  where = np.flatnonzero(row)
  return np.split(where, np.flatnonzero(np.diff(where) > 1) + 1)


def test_nothing_is_hidden_without_training(rng):
  audio = jnp.asarray(rng.normal(size=(1, 100)), jnp.float32)
  mask = jnp.ones(audio.shape, bool)
  variables = ENCODER.init(jax.random.key(0), audio, mask)
  want = ENCODER.apply(variables, audio, mask).x
  got = ENCODER.copy(mask_rate=0.5).apply(variables, audio, mask).x
  np.testing.assert_array_equal(got, want)


def test_a_frame_sees_the_field(rng):
  door = WaveformDoor()
  assert door.field == 400
  assert jax.eval_shape(
    door.init_with_output,
    jax.random.key(0),
    jnp.zeros((1, 400)),
    jnp.ones((1, 400), bool),
  )[0][0].shape == (1, 1, 512)


def test_fields_are_checked():
  with pytest.raises(ValueError, match=r'are \[1, 7, 7\] numbers'):
    WaveformDoor(widths=(8,))
  with pytest.raises(ValueError, match='mask_rate 0.5 needs a mask_token'):
    WaveformTransformer(mask_rate=0.5)
  with pytest.raises(ValueError, match='width 8 is not divisible by groups 3'):
    ConvPositions(groups=3).init(
      jax.random.key(0), jnp.zeros((1, 4, 8)), jnp.ones((1, 4), bool)
    )
