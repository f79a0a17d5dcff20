"""A model that writes, and leaves the scores of words to the objective."""

from typing import Any

import flax.linen as nn
from jaxtyping import Array

from mmjax.layers.embed import ByteEmbedding
from mmjax.models.lora import LoRA
from mmjax.models.wrapper import Wrapper
from mmjax.types import Batch


class Unscored(Wrapper):
  """In training, gives what logits are made of instead of all logits.

  These are the tokens and the parameters of the layer that scores them, from
  which `NextToken(tile=1024)` computes its loss without ever holding an array
  `[tokens, vocabulary]`. The paths of parameters are those without this, and
  whatever evaluates or decodes gets logits as ever.

  Example:
    `Unscored(model=LanguageModel(encoders={'text': TextTransformer(causal=True,
    ...)}))` with the objective `NextToken(tile=1024)`. LoRA stands in it, as
    `Unscored(model=LoRA(model=...))`, and other wrappers around it.
  """

  model: nn.Module
  """LanguageModel, Generative or Assistant, or LoRA with one of them."""

  def __post_init__(self):
    """Checks that the model says what its logits are made of."""
    model: Any = self.model
    model = model.model if isinstance(model, LoRA) else model
    if not hasattr(model, 'scorer'):
      raise ValueError(
        f'{type(model).__name__} does not say what its logits are made '
        'of: LanguageModel, Generative and Assistant do'
      )
    super().__post_init__()

  @nn.compact
  def __call__(self, batch: Batch, *, train: bool = False) -> dict[str, Any]:
    """Gives, in training, instead of the logits of the head `logits`:
    `unscored`: `{'logits': [b t d]}`, and in `shared` the `scorers`:
    `{'logits': {'table': [vocabulary d]}}` of an embedding, or `kernel`
    `[d vocabulary]` and perhaps `bias` of a dense layer.

    Raises:
      ValueError: the logits are no products with one table or kernel.
    """
    model: Any = self.model
    if not train:
      return model(batch)

    def run(model: Any) -> dict[str, Any]:
      layer = _parameters(model.scorer())
      outputs, tokens = model.write(batch, train=train)
      shared = {**outputs.get('shared', {}), 'scorers': {'logits': layer}}
      return {
        **outputs,
        'logits': {},
        'unscored': {'logits': tokens.x},
        'shared': shared,
      }

    return model.through(run) if isinstance(model, LoRA) else run(model)


def _parameters(layer: nn.Module) -> dict[str, Array]:
  """Those of an embedding's scores, or of a dense layer."""
  if isinstance(layer, ByteEmbedding):
    names = ('table',)
  elif isinstance(layer, nn.Dense):
    names = ('kernel', 'bias') if layer.use_bias else ('kernel',)
  else:
    raise ValueError(
      f'the scores of {type(layer).__name__} are no products with one table, '
      'as those of ByteEmbedding and Dense are'
    )
  found: Any = {name: layer.get_variable('params', name) for name in names}
  return found
