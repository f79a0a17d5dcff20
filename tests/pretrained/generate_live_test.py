"""What checkpoints write, against `generate` of transformers."""

import functools

import numpy as np
import pytest

torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')

from mmjax import pretrained  # noqa: E402
from tests.pretrained.references import gpt2, llama  # noqa: E402
from tests.pretrained.references.case import randomize  # noqa: E402

# PyTorch and transformers warn of each other.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings('default')]
CASES = {
  name: case
  for name, case in {**gpt2.CASES, **llama.CASES}.items()
  if name.endswith('_language')
}
PROMPTS = [[5, 6, 7, 8, 9, 10, 11], [40], [33, 44, 55]]


@functools.cache
def _loaded(name, folder):
  model = randomize(CASES[name](0).model, 3, scale=0.3)
  model.save_pretrained(folder)
  return model, pretrained.load(folder)


@pytest.fixture(params=CASES, scope='module')
def both(request, tmp_path_factory):
  return _loaded(request.param, tmp_path_factory.mktemp('checkpoint'))


def _theirs(model, prompts, **options):
  width = max(map(len, prompts))
  ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts])
  mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
  found = model.generate(
    ids,
    attention_mask=mask,
    do_sample=False,
    pad_token_id=0,
    **options,
  )
  return found[:, width:].numpy()


def _same(got, want, stop):
  for ours, theirs in zip(got, want, strict=True):
    ends = [i for i, token in enumerate(theirs) if token in stop]
    count = ends[0] + 1 if ends else len(theirs)
    assert ours[:count].tolist() == theirs[:count].tolist()


def test_greedy_tokens_are_equal(both):
  model, loaded = both
  want = _theirs(model, PROMPTS, max_new_tokens=12)
  got = loaded.generate(text=PROMPTS, max_new_tokens=12)
  assert got['text'] is None
  _same(got['tokens'], want, (2,))
  assert len(np.unique(want)) > 4
  *_, last = loaded.stream(text=PROMPTS, max_new_tokens=12)
  np.testing.assert_array_equal(last['tokens'], got['tokens'])
  # An id that comes often ends the text.
  stop = int(want[0, 3])
  want = _theirs(model, PROMPTS, max_new_tokens=12, eos_token_id=[2, stop])
  got = loaded.generate(text=PROMPTS, max_new_tokens=12, stop=(2, stop))
  _same(got['tokens'], want, (2, stop))


def test_beam_search_finds_equal_tokens(both):
  model, loaded = both
  stop = int(_theirs(model, PROMPTS[:1], max_new_tokens=4)[0, 3])
  want = _theirs(
    model,
    PROMPTS,
    max_new_tokens=10,
    num_beams=5,
    eos_token_id=[2, stop],
    length_penalty=0.7,
  )
  got = loaded.generate(
    text=PROMPTS,
    max_new_tokens=10,
    beams=5,
    stop=(2, stop),
    length_penalty=0.7,
  )
  _same(got['tokens'], want, (2, stop))
