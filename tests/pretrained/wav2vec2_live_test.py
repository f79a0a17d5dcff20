"""wav2vec 2.0 from waveforms of several lengths, and under older names."""

import jax
import numpy as np
import pytest

torch = pytest.importorskip('torch')
hf = pytest.importorskip('transformers')

from safetensors.numpy import load_file, save_file  # noqa: E402

from mmjax import pretrained  # noqa: E402
from tests.pretrained.references.case import randomize  # noqa: E402
from tests.pretrained.references.wav2vec2 import config  # noqa: E402

pytestmark = [
  pytest.mark.slow,
  pytest.mark.filterwarnings('default'),
]
RATE = 16_000


@pytest.mark.parametrize('normalize', [True, False])
@pytest.mark.parametrize('which', [0, 1])
def test_a_batch_gives_what_each_clip_gives_alone(
  rng, tmp_path, which, normalize
):
  model = randomize(hf.Wav2Vec2ForCTC(config(which, stable=False)), 0)
  extract = hf.Wav2Vec2FeatureExtractor(do_normalize=normalize)
  model.save_pretrained(tmp_path)
  extract.save_pretrained(tmp_path)
  loaded = pretrained.load(tmp_path)
  clips = [
    (rng.normal(size=n) * 0.1 + 0.05).astype(np.float32)
    for n in (900, 431, 1_201)
  ]
  got = loaded(audio=clips, sampling_rate=RATE)['logits']
  for clip, ours in zip(clips, got, strict=True):
    inputs = extract(clip, sampling_rate=RATE, return_tensors='pt')
    with torch.no_grad():
      want = model(**inputs).logits[0].numpy()
    np.testing.assert_allclose(ours[: len(want)], want, atol=1e-5)


def test_names_of_older_files_are_read_and_written(tmp_path):
  model = randomize(hf.Wav2Vec2Model(config(0, stable=True)), 0)
  model.save_pretrained(tmp_path)
  want = pretrained.load(tmp_path)
  file = tmp_path / 'model.safetensors'
  new = 'parametrizations.weight.original'
  tensors = {
    k.replace(f'{new}0', 'weight_g').replace(f'{new}1', 'weight_v'): x
    for k, x in load_file(file).items()
  }
  assert any(k.endswith('weight_g') for k in tensors)
  save_file(tensors, file, metadata={'format': 'pt'})
  got = pretrained.load(tmp_path)
  jax.tree.map(np.testing.assert_array_equal, got.params, want.params)
  pretrained.export(got, tmp_path / 'out')
  again, report = hf.Wav2Vec2Model.from_pretrained(
    tmp_path / 'out', output_loading_info=True
  )
  assert not report['missing_keys']
  assert not report['unexpected_keys']
  for name, x in model.state_dict().items():
    assert torch.equal(again.state_dict()[name], x), name


def test_adapters_are_an_error(tmp_path):
  model = hf.Wav2Vec2Model(
    hf.Wav2Vec2Config(
      **{**config(0, stable=True).to_dict(), 'add_adapter': True}
    )
  )
  model.save_pretrained(tmp_path)
  with pytest.raises(pretrained.pretrained.InputError, match='adapters'):
    pretrained.load(tmp_path)
