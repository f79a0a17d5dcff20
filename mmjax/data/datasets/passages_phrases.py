"""How facts about packages are told and asked for."""

from collections.abc import Mapping, Sequence

STATEMENTS: Mapping[str, Sequence[str]] = {
  'section': (
    '{name} belongs to the section {value}',
    'the section of {name} is {value}',
    'under {value} stands {name}',
  ),
  'version': (
    'the version of {name} is {value}',
    '{name} is at version {value}',
    'version {value} of {name} is current',
  ),
  'maintainer': (
    '{name} is maintained by {value}',
    'the maintainer of {name} is {value}',
    '{value} looks after {name}',
  ),
  'homepage': (
    'the homepage of {name} is {value}',
    '{name} is at home at {value}',
    '{value} has more about {name}',
  ),
  'size': (
    '{name} takes {value} of disk space',
    'the installed size of {name} is {value}',
    '{value} is what {name} takes',
  ),
  'needs': (
    '{name} depends on {value}',
    'first of all {name} needs {value}',
    '{value} must be there for {name}',
  ),
  'summary': (
    '{name} is: {value}',
    'in short {name} is {value}',
    '{value} is what {name} is',
  ),
}
QUESTIONS: Mapping[str, Sequence[str]] = {
  'section': (
    'Which section does {name} belong to?',
    'In which section is {name}?',
    'What is the section of {name}?',
  ),
  'version': (
    'Which version of {name} is it?',
    'What version does {name} have?',
    'What is the version of {name}?',
  ),
  'maintainer': (
    'Who maintains {name}?',
    'Who is the maintainer of {name}?',
    'By whom is {name} maintained?',
  ),
  'homepage': (
    'Where is the homepage of {name}?',
    'Which address tells more about {name}?',
    'What is the homepage of {name}?',
  ),
  'size': (
    'How much space does {name} take?',
    'How large is {name}?',
    'What is the installed size of {name}?',
  ),
  'needs': (
    'What does {name} depend on?',
    'What does {name} need?',
    'Which package must be there for {name}?',
  ),
  'summary': (
    'What is {name}?',
    'What does {name} do?',
    'How is {name} described?',
  ),
}
KINDS = (*STATEMENTS,)
