"""A run whose decoder listens to sounds transcribes them to their end."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from mmjax.apps import texts
from mmjax.apps.opening import open_checkpoint
from mmjax.apps.writing import longest
from mmjax.data.tokenizers import ByteTokenizer
from mmjax.decoders import join_texts, make_generate
from mmjax.train.checkpoint import Checkpoints
from mmjax.train.config import Checkpointing, load_config
from mmjax.train.plain import to_json
from mmjax.train.state import TrainState
from tests.apps import tiny_run

RATE, WINDOW, LENGTH = 16_000, 3200, 10
SHARED = WINDOW * 3 // 8
CONFIG = f"""
from mmjax.data.datasets.talking import Talking
from mmjax.decoders import Greedy, TextDecoder, Write
from mmjax.encoders import AudioSpectrogramTransformer
from mmjax.evaluators.generation import Generation
from mmjax.fusion import Only
from mmjax.layers import LogMel, LearnedPositions
from mmjax.models import Generative
from mmjax.objectives.next_token import NextToken
from mmjax.train.config import Config

SMALL = {{'width': 8, 'heads': 2}}


def get_config():
  write = Write(decoding=Greedy(length={LENGTH}, stop=(2,)))
  return Config(
    data=Talking(audio_seconds={WINDOW / RATE}),
    model=Generative(
      encoders={{
        'audio': AudioSpectrogramTransformer(
          spectrogram=LogMel(hop=160), patch_size=(2, 64), depth=0, **SMALL
        )
      }},
      fusion=Only(modality='audio'),
      decoder=TextDecoder(
        depth=1, positions=LearnedPositions(length=16), **SMALL
      ),
    ),
    objectives={{'write': NextToken(needs=('audio',))}},
    evaluators={{'clean': Generation(decode=write, given=('audio',))}},
  )
"""


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  workdir = tmp_path_factory.mktemp('long') / 'run'
  workdir.mkdir()
  (workdir / 'config.py').write_text(CONFIG)
  argv = ['--config', 'gone.py', '--workdir', 'gone']
  (workdir / 'argv.json').write_text(json.dumps(argv))
  config = load_config(workdir / 'config.py', [])
  (workdir / 'config.json').write_text(json.dumps(to_json(config)))
  batch = {
    'audio': jnp.zeros((1, WINDOW)),
    'text': jnp.zeros((1, 4), jnp.int32),
    'mask': {
      'audio': jnp.ones((1, WINDOW), bool),
      'text': jnp.ones((1, 4), bool),
    },
  }
  shapes = jax.eval_shape(config.model.init, jax.random.key(0), batch)
  rng = np.random.default_rng(3)
  params = jax.tree.map(
    lambda s: jnp.asarray(rng.normal(size=s.shape), s.dtype), shapes['params']
  )
  state = TrainState(jnp.int32(1), params, (), None, {})
  options = Checkpointing(every=1, best=None)
  with Checkpoints(workdir / 'checkpoints', options) as checkpoints:
    checkpoints.save(state, step=1, meta={'step': 1}, numbers={})
  return workdir


def write_sound(path, samples):
  rng = np.random.default_rng(samples)
  loud = np.repeat(rng.uniform(0.01, 0.9, samples // 400 + 1), 400)[:samples]
  soundfile.write(path, loud * rng.normal(size=samples) / 4, RATE, 'FLOAT')
  return str(path)


def by_hand(checkpoint, file):
  """What the model writes about each window, joined."""
  sound = soundfile.read(file, dtype='float32')[0]
  stride = WINDOW - SHARED
  write = checkpoint.config.evaluators['clean'].decode.decoding
  generate = make_generate(checkpoint.model, write)
  found, lengths, start = [], [], 0
  while not start or start + SHARED < sound.size:
    part = np.zeros((1, WINDOW), np.float32)
    left = sound[start : start + WINDOW]
    part[0, : left.size] = left
    real = np.arange(WINDOW)[None] < left.size
    batch = {'audio': part, 'mask': {'audio': real}}
    prompt = jnp.ones((1, 1), jnp.int32)
    said = generate(checkpoint.variables, prompt, prompt > 0, batch=batch)
    ids = np.asarray(said.tokens)[0][np.asarray(said.mask)[0]]
    found.append([i for i in ids.tolist() if i != 2])
    lengths.append(left.size)
    start += stride
  space = [ord(' ') + 4]
  ids = join_texts(
    found, lengths, stride=stride, overlap=SHARED, least=3, gap=space
  )
  return found, ByteTokenizer().decode(np.asarray(ids)).strip()


@pytest.mark.slow
def test_a_sound_is_heard_to_its_end(run, tmp_path, capsys):
  checkpoint = open_checkpoint(str(run))
  assert checkpoint.modalities == ('audio',)
  files = [
    write_sound(tmp_path / f'{n}.wav', n) for n in (WINDOW // 2, 9000, 20000)
  ]
  want = [by_hand(checkpoint, file) for file in files]
  assert [len(parts) for parts, _ in want] == [1, 4, 10]
  # Windows differ, so that hearing all of them matters.
  assert len({tuple(ids) for ids in want[2][0]}) > 2
  assert checkpoint.transcribe(files) == [text for _, text in want]
  code = texts.transcribe(['--checkpoint', str(run), '--json', *files])
  out, err = capsys.readouterr()
  assert code == 0
  assert 'only the first' not in err
  told = [one['text'] for one in json.loads(out)]
  assert told == [text for _, text in want]


def test_ctc_runs_say_what_they_do_not_hear(tmp_path):
  assert longest(tiny_run.opened(tmp_path / 'run')) == 0.1
