"""What checkpoints of causal language models have in common."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from mmjax.encoders import TextTransformer
from mmjax.layers import LastToken
from mmjax.models.heads import Head
from mmjax.models.language import LanguageModel
from mmjax.pretrained.architecture import (
  Architecture,
  Settings,
  alone,
  shape,
  single_outputs,
)
from mmjax.pretrained.generation import continue_texts
from mmjax.pretrained.table import Row, dense, under, unroll
from mmjax.pretrained.texts import TextProcessor
from mmjax.types import InputError, Outputs

_HEAD = 'lm_head'
_CLASSIFIER = 'score'
# Ends of the names of classes that have one.
_WITH_HEAD = ('ForCausalLM', 'LMHeadModel')
DEFAULTS = {
  'architectures': (),
  'eos_token_id': None,
  'pad_token_id': None,
  'id2label': (0, 1),
}


def language(
  c: Settings,
  names: Sequence[str],
  prefix: str,
  encoder: TextTransformer,
  rows: Sequence[Row],
  *,
  ignore: Sequence[str] = (),
) -> Architecture:
  """The architecture around an encoder, and what stands on it if anything does.

  That is the output layer, or a classifier of texts by their last real token.

  Args:
    c: the checkpoint's config.
    names: of its tensors.
    prefix: of the encoder's tensors.
    encoder: the causal one.
    rows: its tensors.
    ignore: patterns of names of tensors that no parameter is made of.
  """
  model: Any = alone('text', encoder, {})
  table = unroll(under(prefix, 'encoders_text/', rows), c.num_hidden_layers)
  name_outputs, generate = single_outputs, None
  if has_head(c, names):
    head = None
    if c.tie_word_embeddings:
      # Some files repeat the embedding under this name.
      ignore = (*ignore, rf'^{_HEAD}\.weight$')
    else:
      head = nn.Dense(c.vocab_size, use_bias=False)
      table += dense(_HEAD, 'head', bias=False)
    model = LanguageModel(encoders={'text': encoder}, head=head)
    name_outputs, generate = _language_outputs, continue_texts
  elif f'{_CLASSIFIER}.weight' in names:
    head = Head(
      classes=len(c.id2label), pool=LastToken(), norm=False, use_bias=False
    )
    table += dense(_CLASSIFIER, 'heads_logits/logits', bias=False)
    model = alone('text', encoder, {'logits': head})
  length = c.max_position_embeddings
  return Architecture(
    model=model,
    rows=table,
    inputs={'text': shape(1, length, dtype=jnp.int32)},
    name_outputs=name_outputs,
    text=TextProcessor(length=length, pad=padding(c)),
    ignore=ignore,
    generate=generate,
  )


def has_head(c: Settings, names: Sequence[str]) -> bool:
  """Whether the checkpoint is one of a model that gives logits.

  An output layer that shares the embedding's vectors leaves no tensor behind.
  """
  if f'{_HEAD}.weight' in names:
    return True
  return any(name.endswith(_WITH_HEAD) for name in c.architectures or ())


def padding(c: Settings) -> int:
  """The id to pad with; any would do, as nothing looks at it."""
  for found in (c.pad_token_id, c.eos_token_id):
    ids = found if isinstance(found, list) else [found]
    if ids and ids[0] is not None and 0 <= ids[0] < c.vocab_size:
      return ids[0]
  return 0


def require(c: Settings, **values: Any) -> None:
  """Raises InputError unless these settings are what is implemented."""
  for name, value in values.items():
    if getattr(c, name) != value:
      raise InputError(
        f'config.json: {name} is {getattr(c, name)!r}, known is {value!r}'
      )


def _language_outputs(outputs: Outputs) -> dict[str, Any]:
  return dict(outputs['logits'])
