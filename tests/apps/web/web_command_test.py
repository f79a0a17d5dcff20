"""The command line of the page."""

import pytest

from mmjax.apps import cli


@pytest.mark.parametrize(
  ('words', 'match'),
  [
    ([], 'error: --checkpoint CHECKPOINT is required'),
    (['--checkpoint', 'x', '--port', '70000'], '--port 70000 is not in 0 to'),
    (['--checkpoint', '/nowhere'], 'error: '),
  ],
)
def test_what_cannot_be_used(words, match, capsys):
  assert cli.main(['web', *words]) == 2
  said = capsys.readouterr().err
  assert match in said
  assert said.count('\n') == 1


def test_a_limit_that_is_none(capsys):
  with pytest.raises(SystemExit) as done:
    cli.main(['web', '--checkpoint', 'x', '--megabytes', '-1'])
  assert done.value.code == 2
  assert 'megabytes -1.0 is not above 0' in capsys.readouterr().err


def test_help_names_options(capsys):
  with pytest.raises(SystemExit) as done:
    cli.main(['web', '--help'])
  assert done.value.code == 0
  said = capsys.readouterr().out
  for option in ('--checkpoint', '--index', '--host', '--port', '--limits'):
    assert option in said
