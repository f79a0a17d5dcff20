"""The configs for your own data: their model follows from what is there."""

from pathlib import Path

import jax
import pytest

from mmjax.data import pipeline
from mmjax.train.config import load_config
from mmjax.train.plain import to_json
from mmjax.train.state import count_parameters, make_init
from mmjax.types import InputError
from tests.data.sources import same_data

CONFIGS = Path(__file__).parents[1] / 'configs'


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
  base = tmp_path_factory.mktemp('own')
  found = same_data.stamps(24)
  same_data.write_folder(base / 'folder', found)
  pictures = [s._replace(audio=None, text=None) for s in found if s.image]
  same_data.write_folder(base / 'pictures', pictures)
  texts = [s._replace(audio=None, image=None, text='so') for s in found]
  same_data.write_csv(base / 'csv', found)
  same_data.write_folder(base / 'texts', texts)
  return base


def load(name, root, *options):
  return load_config(
    CONFIGS / f'{name}.py', ['--data.root', str(root), *options]
  )


@pytest.mark.parametrize(
  ('name', 'root', 'modalities', 'parameters'),
  [
    ('folder', 'pictures', ['image'], 814_275),
    pytest.param(
      'folder', 'folder', ['image', 'audio'], 1_162_051, marks=pytest.mark.slow
    ),
    pytest.param(
      'manifest',
      'csv/all.csv',
      ['image', 'text', 'audio'],
      5_468_108,
      marks=pytest.mark.slow,
    ),
  ],
)
def test_the_model_is_as_the_data(name, root, modalities, parameters, roots):
  config = load(name, roots / root)
  assert list(config.model.encoders) == modalities
  assert config.data.labels == same_data.CLASSES
  init = make_init(config.model, config.optimizer.build(1))
  batch = next(iter(pipeline.eval_batches(config.data, 'train', batch_size=2)))
  state = jax.eval_shape(init, jax.random.key(0), batch)
  assert count_parameters(state.params) == parameters


def test_options_of_the_data_come_first_and_all_others_then(roots):
  config = load(
    'manifest',
    roots / 'csv/all.csv',
    '--steps',
    '7',
    '--data.modalities',
    'text',
    'audio',
    '--model.encoders.audio.width',
    '64',
    '--data.columns.label',
    'split',
    '--data.columns.split=',
    '--data.cache',
    str(roots / 'cache'),
  )
  assert config.steps == 7
  assert list(config.model.encoders) == ['text', 'audio']
  assert config.model.encoders['audio'].width == 64
  assert config.model.heads['label_fused'].classes == 3
  assert config.data.labels == ('test', 'train', 'validation')
  # What was found stands in the run's config.json.
  assert to_json(config)['data']['labels'] == ['test', 'train', 'validation']


@pytest.mark.parametrize(
  ('name', 'options', 'message'),
  [
    ('folder', [], '--data.root is needed'),
    ('folder', ['--data.root', '{base}/none'], 'there is no file or folder'),
    ('folder', ['--data.root', '{base}/texts'], 'has only text: train'),
    (
      'manifest',
      ['--data.root', '{base}/csv/all.csv', '--data.columns.label', 'lable'],
      "'lable', perhaps 'label'",
    ),
    (
      'manifest',
      [
        '--data.root',
        '{base}/csv/all.csv',
        '--data.modalities',
        'text',
        '--data.labels',
        'one',
      ],
      "has 1 classes in the column 'label'",
    ),
  ],
)
def test_what_does_not_fit_is_one_line(name, options, message, roots):
  options = [option.format(base=roots) for option in options]
  with pytest.raises(InputError, match=message):
    load_config(CONFIGS / f'{name}.py', options)


def test_help_without_data_tells_the_options_of_the_data(capsys, roots):
  with pytest.raises(SystemExit) as end:
    load_config(CONFIGS / 'folder.py', ['--help'])
  assert end.value.code == 0
  said = capsys.readouterr().out
  assert '--data.root' in said
  assert '--model' not in said
  with pytest.raises(SystemExit):
    load('folder', roots / 'pictures', '--help')
  assert '--model.encoders.image.widths' in capsys.readouterr().out
