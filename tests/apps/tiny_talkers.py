"""Models that answer, never trained: a run, and another project's folder."""

import json
import shutil
from pathlib import Path

import jax.numpy as jnp
import tokenizers

from tests.apps import tiny_run

FIXTURE = Path(__file__).parents[1] / 'pretrained/fixtures/llama_language'
LENGTH, NEW = 96, 24  # of a whole dialogue, and of its answer
CONFIG = f"""
import dataclasses
from mmjax.data.chat import ChatTemplate
from mmjax.data.sources import Records
from mmjax.encoders import AudioSpectrogramTransformer, TextTransformer, ViT
from mmjax.layers import ByteEmbedding, LogMel, NoPositions, Rotary, Style
from mmjax.models import Assistant, LanguageModel, MlpProjector, Resampler
from mmjax.objectives import NextToken
from mmjax.train.config import Config

MARKS = {{'image': 260, 'audio': 261}}
SMALL = {{'width': 8, 'depth': 1, 'heads': 2}}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dialogues(Records):
  chat = ChatTemplate(
    length={LENGTH}, placeholders=MARKS, tokens={{'image': 4, 'audio': 2}}
  )


def get_config(*, data=Dialogues(image_size=8, text_length=16,
                                 audio_seconds=0.1)):
  return Config(
    data=data,
    model=Assistant(
      encoders={{
        'image': ViT(patch_size=4, **SMALL),
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(hop=160), patch_size=(2, 64), **SMALL
        ),
      }},
      projectors={{
        'image': MlpProjector(width=8),
        'audio': Resampler(width=8, tokens=2, depth=1, heads=2),
      }},
      placeholders=MARKS,
      language=LanguageModel(
        encoders={{
          'text': TextTransformer(
            causal=True, embed=ByteEmbedding(vocabulary=262),
            positions=NoPositions(), style=Style(rotary=Rotary()), **SMALL
          )
        }}
      ),
    ),
    objectives={{'answer': NextToken(only='answer')}},
    evaluators={{}},
  )
"""
CHATML = (
  '{% if not messages %}{{ raise_exception("nothing was said") }}{% endif %}'
  '{% for m in messages %}'
  '{{ m.role }}: {{ m.content | trim }}{{ eos_token }}\n'
  '{% endfor %}'
  '{% if add_generation_prompt %}assistant: {% endif %}'
)


def make_assistant(workdir: Path) -> Path:
  """A run of an `Assistant` on pictures and sounds."""
  blank = {
    'image': jnp.zeros((1, 1, 8, 8, 3), jnp.uint8),
    'audio': jnp.zeros((1, 1, 1600)),
    'text': jnp.zeros((1, 8), jnp.int32),
    'mask': {
      'image': jnp.ones((1, 1), bool),
      'audio': jnp.ones((1, 1, 1600), bool),
      'text': jnp.ones((1, 8), bool),
    },
  }
  return tiny_run.make(workdir, text=CONFIG, blank=blank, scale=1.0)


def make_language(folder: Path, *, template: str | None = CHATML) -> Path:
  """A language model of letters, which reads 128 of them."""
  shutil.copytree(FIXTURE, folder)
  config = json.loads((folder / 'config.json').read_text())
  config |= {'max_position_embeddings': 128, 'eos_token_id': 2}
  (folder / 'config.json').write_text(json.dumps(config))
  letters = ['<unk>', '<s>', '</s>', '\n', *map(chr, range(32, 127))]
  made = tokenizers.Tokenizer(
    tokenizers.models.WordLevel(
      {letter: i for i, letter in enumerate(letters)}, unk_token='<unk>'
    )
  )
  made.pre_tokenizer = tokenizers.pre_tokenizers.Split(
    tokenizers.Regex('(.|\n)'), 'isolated'
  )
  made.decoder = tokenizers.decoders.Fuse()
  made.add_special_tokens(['<unk>', '<s>', '</s>'])
  made.save(str(folder / 'tokenizer.json'))
  told = {'eos_token': '</s>', 'tokenizer_class': 'PreTrainedTokenizerFast'}
  if template is not None:
    told['chat_template'] = template
  (folder / 'tokenizer_config.json').write_text(json.dumps(told))
  return folder
