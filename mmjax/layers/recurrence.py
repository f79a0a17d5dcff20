"""Recurrent layers that step over what is not real."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float

from mmjax.layers.embed import PatchProjection


class RecurrentLayer(nn.Module):
  """One layer of a recurrent network, in one direction.

  The state stays as it is where nothing is real, so that padding changes
  nothing at either end, and gaps are stepped over. The inputs of all steps are
  projected at once, in front of the loop.
  """

  hidden: int
  """Features of the state."""
  reverse: bool = False
  """Whether it runs from the last step to the first."""

  @nn.compact
  def __call__(
    self, x: Float[Array, 'b n d'], mask: Bool[Array, 'b n']
  ) -> Float[Array, 'b n hidden']:
    """Gives the state at each step; that before it where it is not real.

    Args:
      x: inputs, finite everywhere.
      mask: True where a step is real.
    """
    gates, cell = self.cell()
    inputs = PatchProjection(gates * self.hidden, name='input')(x)
    init = nn.initializers.orthogonal()
    shape = (self.hidden, gates * self.hidden)
    kernel = self.param('kernel', init, shape).astype(inputs.dtype)
    zeros = jnp.zeros((len(x), self.hidden), inputs.dtype)

    def step(state, now):
      x, real = now
      new = cell(state, x, kernel)
      state = jax.tree.map(
        lambda a, b: jnp.where(real[:, None], a, b), new, state
      )
      return state, state[0]

    over_time = (rearrange(inputs, 'b n g -> n b g'), mask.T)
    _, y = jax.lax.scan(step, (zeros, zeros), over_time, reverse=self.reverse)
    return rearrange(y, 'n b d -> b n d')

  def cell(self) -> tuple[int, Callable[..., tuple[Array, Array]]]:
    """Number of gates, and `((h, c), input, kernel) -> (h, c)`."""
    raise NotImplementedError


class LSTM(RecurrentLayer):
  """Long Short-Term Memory.

  With the gates i, f, g, o of `x W + b + h U`, in this order::

    c = sigmoid(f + 1) c + sigmoid(i) tanh(g)
    h = sigmoid(o) tanh(c)

  Hochreiter & Schmidhuber (https://doi.org/10.1162/neco.1997.9.8.1735), with
  the forget gate's bias of 1 from Jozefowicz et al.
  (https://proceedings.mlr.press/v37/jozefowicz15.html).
  """

  def cell(self) -> tuple[int, Callable[..., tuple[Array, Array]]]:
    """Four gates, and a step."""

    def step(state, x, kernel):
      h, c = state
      i, f, g, o = jnp.split(x + h @ kernel, 4, axis=-1)
      forget = jax.nn.sigmoid(f + 1)
      c = forget * c + jax.nn.sigmoid(i) * jnp.tanh(g)
      return jax.nn.sigmoid(o) * jnp.tanh(c), c

    return 4, step


class GRU(RecurrentLayer):
  """Gated Recurrent Unit.

  With the gates r, z, n of `x W + b` and of `h U`, in this order::

    r, z = sigmoid(r + h U_r), sigmoid(z + h U_z)
    h = z h + (1 - z) tanh(n + r (h U_n + v))

  Cho et al. (https://arxiv.org/abs/1406.1078), the reset gate behind the
  product with U as in cuDNN.
  """

  def cell(self) -> tuple[int, Callable[..., tuple[Array, Array]]]:
    """Three gates, and a step."""
    bias = self.param('bias', nn.initializers.zeros, (self.hidden,))

    def step(state, x, kernel):
      h, spare = state
      r, z, n = jnp.split(x, 3, axis=-1)
      hr, hz, hn = jnp.split(h @ kernel, 3, axis=-1)
      r, z = jax.nn.sigmoid(r + hr), jax.nn.sigmoid(z + hz)
      n = jnp.tanh(n + r * (hn + bias.astype(h.dtype)[None]))
      return z * h + (1 - z) * n, spare

    return 3, step
