"""Convolutions that see zeros in place of what is not real."""

import flax.linen as nn
import jax
from jaxtyping import Array, Bool, Float

from mmjax.layers.doors import follow_kernel
from mmjax.masking import where_real


class MaskedConv(nn.Module):
  """A convolution whose result at a step does not depend on the padding.

  The first axis of places, time or rows, has a mask. A place of the result is
  centred at each `stride`-th place of the input, counted from the first, and is
  real where that is: what is real is the same in a longer array.
  """

  features: int
  """Channels of the result."""
  kernel: tuple[int, ...]
  """Size along each axis of places."""
  stride: tuple[int, ...]
  """Step along each axis of places."""

  @nn.compact
  def __call__(
    self, x: Float[Array, 'b n *places c'], mask: Bool[Array, 'b n']
  ) -> tuple[Float[Array, 'b m *rest d'], Bool[Array, 'b m']]:
    """Gives `ceil(n / stride)` places along each axis, and their mask.

    What it gives where the new mask is False is not zero; the next one makes
    it so.
    """
    # 'SAME' would place the windows by the length of the array.
    padding = [((k - 1) // 2, k // 2) for k in self.kernel]
    y = nn.Conv(
      self.features,
      self.kernel,
      strides=self.stride,
      padding=padding,
      kernel_init=nn.initializers.he_normal(),
      promote_dtype=follow_kernel,
      name='conv',
    )(where_real(x, mask))
    return y, mask[:, :: self.stride[0]]


class ConvBlock(nn.Module):
  """Convolutions with rectifiers between them: `conv(relu(conv(x)))`."""

  features: int
  """Channels of each convolution."""
  convolutions: int = 2
  """Number of them."""
  kernel: tuple[int, ...] = (3, 3)
  """Size of each along each axis of places."""
  stride: tuple[int, ...] = (1, 1)
  """Step of the first convolution along each axis of places."""

  @nn.compact
  def __call__(
    self, x: Float[Array, 'b n *places c'], mask: Bool[Array, 'b n']
  ) -> tuple[Float[Array, 'b m *rest d'], Bool[Array, 'b m']]:
    """Computes `conv(relu(conv(x)))` and which places are real."""
    stride = self.stride
    for i in range(self.convolutions):
      conv = MaskedConv(self.features, self.kernel, stride, name=f'conv_{i}')
      x, mask = conv(jax.nn.relu(x) if i else x, mask)
      stride = (1,) * len(self.kernel)
    return x, mask
