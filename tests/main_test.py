"""What a person at the command line meets: one line, code 2, nothing left."""

import jax
import pytest

from mmjax import main as main_module
from mmjax.main import main

TINY = 'tests/train/tiny.py'


@pytest.fixture
def run(tmp_path, capsys, monkeypatch, request):
  monkeypatch.chdir(request.config.rootpath)
  # What is set for a process would stay for the tests that follow.
  monkeypatch.setattr(main_module, 'keep_compiled', lambda: None)
  monkeypatch.setattr(main_module, 'hush_failed_saves', lambda: None)

  def run(*options, config=TINY):
    workdir = tmp_path / 'workdir'
    args = ['--workdir', str(workdir)]
    if config is not None:
      args = ['--config', str(config), *args]
    try:
      code = main([*args, *options])
    except SystemExit as error:
      code = error.code
    said = capsys.readouterr()
    assert not workdir.exists()
    assert 'Traceback' not in said.err + said.out
    return code, said.out, said.err

  return run


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    (['--stepz', '3'], '--stepz'),
    (['--steps', 'many'], 'many'),
    (['--optimizer.peak-lr', 'fast'], 'fast'),
    (['--optimizer.peak-lr', '-1'], 'peak_lr -1.0 is not positive'),
    (['--steps', '0'], 'steps 0 is below 1'),
    (['--watchdog-seconds', '-1'], 'watchdog_seconds -1.0 is negative'),
    (['--on-nonfinite', 'ignore'], 'ignore'),
    (['--batch-size', '12'], 'batch_size 12 is not divisible by the 8 devices'),
    (
      ['--model.encoders.image.heads', '3'],
      'width 16 is not divisible by heads 3',
    ),
    (
      ['--model.encoders.image.patch-size', '3'],
      'image 8x8 is not divisible by patch_size 3',
    ),
    (['--objectives.classify.head', 'colour'], "no head 'colour'"),
    (['--drop-modalities.image', '1.5'], 'drop_modalities.image 1.5 is not in'),
    (['--balance.key', 'lable'], "balance.key 'lable', perhaps 'label'"),
    (['--evaluate'], 'no checkpoints in'),
  ],
)
def test_bad_options_get_one_message_and_code_2(run, options, message):
  code, out, err = run(*options)
  assert code == 2
  assert out == ''
  assert message in ' '.join(err.split())


def test_an_unknown_option_is_told_the_near_name(run):
  _, _, err = run('--optimizer.peek-lr', '3')
  assert '--optimizer.peak-lr' in err


def test_bad_config_files_are_named(run, tmp_path):
  code, _, err = run(config='configs/digit.py')
  assert code == 2
  assert err.startswith(
    'error: no config file configs/digit.py; near names: digits.py'
  )
  code, _, err = run(config=None)
  assert (code, err.count('\n')) == (2, 1)
  assert '--config FILE is required' in err
  empty = tmp_path / 'empty.py'
  empty.write_text('x = 1\n')
  code, _, err = run(config=empty)
  assert (code, err) == (2, f'error: {empty} defines no get_config()\n')
  broken = tmp_path / 'broken.py'
  broken.write_text('def get_config(:\n')
  code, _, err = run(config=broken)
  assert code == 2
  assert f'{broken} is not valid Python' in err


def test_a_data_folder_that_is_not_there_is_named(run, tmp_path):
  code, out, err = run(
    '--data.root', str(tmp_path / 'nowhere'), config='configs/stamps.py'
  )
  assert (code, out, err.count('\n')) == (2, '', 1)
  assert str(tmp_path / 'nowhere') in err
  assert 'tuxpaint-stamps-default' in err
  assert '--data.root' in err


def test_help_lists_every_field_with_its_text(run):
  code, out, err = run('--help')
  assert code == 0
  said = ' '.join((out + err).split())
  assert '--workdir' in said
  assert '--model.encoders.image.width' in said
  assert 'Learning rate at the end of the warm-up.' in said
  code, out, err = run('--help', config=None)
  assert code == 0
  assert '--config' in out + err


def test_compiled_programs_are_kept_where_nobody_says_otherwise(
  monkeypatch, tmp_path
):
  names = (
    'jax_compilation_cache_dir',
    'jax_persistent_cache_min_compile_time_secs',
  )
  old = {name: jax.config.values[name] for name in names}
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  monkeypatch.delenv('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', False)
  try:
    jax.config.update(names[0], None)
    main_module.keep_compiled()
    assert jax.config.values[names[0]] == str(tmp_path / 'mmjax' / 'compiled')
    assert jax.config.values[names[1]] < 1
    jax.config.update(names[0], '/elsewhere')
    main_module.keep_compiled()
    assert jax.config.values[names[0]] == '/elsewhere'
  finally:
    for name, value in old.items():
      jax.config.update(name, value)


def test_several_processes_on_cpus_keep_no_programs(monkeypatch):
  assert jax.config.values['jax_enable_compilation_cache']
  monkeypatch.setattr(jax, 'process_count', lambda: 2)
  try:
    main_module.keep_compiled()
    assert not jax.config.values['jax_enable_compilation_cache']
  finally:
    jax.config.update('jax_enable_compilation_cache', True)
