"""What a file for an architecture tells: model, table and names of outputs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from mmjax.fusion import Only
from mmjax.layers import Style, gelu, quick_gelu
from mmjax.models.fused import Fused
from mmjax.pretrained.audio import AudioProcessor
from mmjax.pretrained.images import ImageProcessor
from mmjax.pretrained.table import Row
from mmjax.pretrained.texts import TextProcessor
from mmjax.types import Batch, InputError, Outputs

ACTIVATIONS = {
  'gelu': gelu,
  'gelu_new': jax.nn.gelu,
  'gelu_pytorch_tanh': jax.nn.gelu,
  'quick_gelu': quick_gelu,
  'relu': jax.nn.relu,
  'silu': jax.nn.silu,
  'swish': jax.nn.silu,
  'tanh': jnp.tanh,
}


class Architecture(NamedTuple):
  """One checkpoint's architecture.

  Attributes:
    model: of the fields that its config asks for.
    rows: how its tensors are called there and here; before the path of what is
      no parameter stands its collection, `batch_stats/`.
    inputs: shapes of a batch of one example, without masks.
    name_outputs: the model's outputs under transformers' names; what the model
      was given stands beside them, as `batch`.
    image: what prepares pictures; None if it takes none.
    video: what prepares the frames of clips; None if it takes none.
    text: what prepares texts, where the folder does not say; None if it takes
      none.
    audio: what prepares sounds; None if it takes none.
    ignore: patterns of names of tensors that no parameter is made of; they are
      exported as they were.
    generate: `(loaded, options, **inputs)`, what writes; None if nothing does.
  """

  model: nn.Module
  rows: Sequence[Row]
  inputs: Mapping[str, Any]
  name_outputs: Callable[[Outputs], dict[str, Any]]
  image: ImageProcessor | None = None
  video: ImageProcessor | None = None
  text: TextProcessor | None = None
  audio: AudioProcessor | None = None
  ignore: Sequence[str] = ()
  generate: Callable[..., dict[str, Any]] | None = None

  def apply(
    self, variables: Any, batch: Batch, *, model: nn.Module | None = None
  ) -> dict[str, Any]:
    """Runs the model, or another one in its place, and names its outputs."""
    run: Any = model or self.model
    outputs = run.apply(variables, batch)
    return self.name_outputs({**outputs, 'batch': batch})


class Settings:
  """A checkpoint's `config.json`, with its architecture's defaults below it."""

  def __init__(self, config: Mapping[str, Any], defaults: Mapping[str, Any]):
    """Older files hold only what differs from the defaults."""
    self._values = {**defaults, **config}

  def __getattr__(self, name: str) -> Any:
    """A value.

    Raises:
      InputError: neither the file nor the defaults have it.
    """
    if name.startswith('_') or name not in self._values:
      raise InputError(f'config.json has no {name!r}')
    return self._values[name]

  def activation(self, name: str = 'hidden_act') -> Callable[..., Any]:
    """A nonlinearity by its name there.

    Raises:
      InputError: it has no such name here.
    """
    found = getattr(self, name)
    if found not in ACTIVATIONS:
      raise InputError(
        f'config.json: {name} is {found!r}, known are {sorted(ACTIVATIONS)}'
      )
    return ACTIVATIONS[found]

  def style(self, **changes: Any) -> Style:
    """The style of its Transformer's blocks."""
    norm = nn.LayerNorm(epsilon=self.layer_norm_eps)
    return Style(norm=norm, activation=self.activation(), **changes)

  def transformer(self, **changes: Any) -> dict[str, Any]:
    """The fields that all of our Transformer encoders have."""
    return {
      'width': self.hidden_size,
      'depth': self.num_hidden_layers,
      'heads': self.num_attention_heads,
      'mlp_ratio': self.intermediate_size / self.hidden_size,
      'style': self.style(**changes),
    }


def common_prefix(names: Sequence[str], prefix: str) -> str:
  """The prefix if the names have it, else nothing.

  A model with a head on it keeps its parts under a prefix; alone it has none.
  """
  return prefix if any(name.startswith(prefix) for name in names) else ''


def shape(*sizes: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
  """A shape of float32, or of another dtype."""
  return jax.ShapeDtypeStruct(sizes, dtype)


def alone(
  modality: str, encoder: nn.Module, heads: Mapping[str, nn.Module]
) -> Fused:
  """A model of one modality: its encoder, and heads on the tokens."""
  fusion = Only(modality=modality)
  return Fused(encoders={modality: encoder}, fusion=fusion, heads=heads)


def single_outputs(outputs: Outputs) -> dict[str, Any]:
  """Names for a model of one modality."""
  return {
    'last_hidden_state': outputs['fused'].x,
    **outputs['logits'],
  }


def pair_outputs(outputs: Outputs) -> dict[str, Any]:
  """Names for two towers: embeddings, and logits if both are there."""
  found = {f'{k}_embeds': x for k, x in outputs['embeddings'].items()}
  for name, tokens in outputs['tokens'].items():
    found[f'{name}_hidden_state'] = tokens.x
  if len(outputs['embeddings']) == 2:
    (name, rows), (_, columns) = sorted(
      outputs['embeddings'].items(), key=lambda x: x[0] == 'text'
    )
    shared = outputs['shared']
    logits = rows @ columns.T * shared['logit_scale'] + shared['logit_bias']
    found |= {f'logits_per_{name}': logits, 'logits_per_text': logits.T}
  return found
