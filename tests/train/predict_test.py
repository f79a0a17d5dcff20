import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from mmjax.train.state import TrainState
from mmjax.train.step import make_predict


class Scale(nn.Module):
  @nn.compact
  def __call__(self, batch, *, train=False):
    assert not train
    return {'y': batch['x'] * self.param('scale', nn.initializers.ones, ())}


@dataclasses.dataclass(frozen=True)
class Repeat:
  """Feeds the model its own output."""

  times: int

  def __call__(self, model, variables, batch):
    for _ in range(self.times):
      batch = {'x': model.apply(variables, batch)['y']}
    return {'last': batch['x']}


def test_another_run_of_the_model_is_compiled_into_the_prediction():
  state = TrainState(
    step=jnp.zeros((), jnp.int32),
    params={'scale': jnp.array(2.0)},
    opt_state=None,
    ema=None,
    collections={},
  )
  predict = jax.jit(make_predict(Scale()), static_argnames='run')
  batch = {'x': jnp.array([1.0, 3.0])}
  np.testing.assert_array_equal(predict(state, batch)['y'], [2.0, 6.0])
  found = predict(state, batch, run=Repeat(3))
  np.testing.assert_array_equal(found['last'], [8.0, 24.0])
  assert predict(state, batch, run=Repeat(1))['last'][0] == 2.0
