"""Writing a text for each example of a batch, as an evaluator asks for."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from mmjax.decoders.beam import BeamSearch
from mmjax.decoders.generate import step_of
from mmjax.decoders.sampling import Greedy, Keys, Sample
from mmjax.types import Batch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Write:
  """Decodes behind the part of the target that is given: `Generation.decode`.

  Given is the first token of the target, or, with `only`, all but the answer.
  """

  decoding: Greedy | BeamSearch = Greedy(length=64, stop=(2,))
  """Greedy, Sample or BeamSearch; tells the length, and what ends a text."""
  target: str = 'text'
  """Batch key of the text's ids, and of their mask."""
  only: str | None = None
  """Batch key of which ids are the answer, `[b t]`; None for all but the
  first."""
  seed: int = 0
  """Of a sample; each example draws by its own index."""

  def __call__(
    self, model: nn.Module, variables: Any, batch: Batch
  ) -> dict[str, Array]:
    """Writes.

    Returns:
      `tokens`: ids `[b length]` behind what is given, and their `mask`.
    """
    text, mask = self.prompt(batch)
    step = step_of(model, variables, batch)
    keys: Any = self._keys(batch)
    found = self.decoding(step, text, mask, keys)
    return {'tokens': found.tokens, 'mask': found.mask}

  def prompt(
    self, batch: Batch
  ) -> tuple[Int[Array, 'b t'], Bool[Array, 'b t']]:
    """The part of the target that is given, and which ids are real."""
    text, mask = batch[self.target], batch['mask'][self.target]
    if self.only is None:
      # A row without a target writes something, too.
      first = jnp.argmax(mask, axis=1)[:, None]
      given = jnp.take_along_axis(text, first, axis=1)
      return given, jnp.ones_like(given, bool)
    given = mask & (batch[self.only] <= 0)
    return text, given.at[:, 0].set(True)

  def _keys(self, batch: Batch) -> Keys:
    if not isinstance(self.decoding, Sample):
      return None
    key = jax.random.key(self.seed)
    return jax.vmap(jax.random.fold_in, (None, 0))(key, batch['index'])
