"""What a reader writes about a picture, in words: for `Patients`.

A report says of some things that they are seen and of others that they are
not, often in one sentence. So two reports that mean the opposite may have the
same words, and to count them is not enough. Validation and test have wordings
that training does not have, made of words that it has.
"""

from collections.abc import Mapping, Sequence

import numpy as np

THINGS = {
  'finding': ('a nodule', 'a round opacity'),
  'effusion': ('an effusion', 'fluid'),
  'scar': ('a scar', 'an old streak'),
  'fracture': ('a fracture', 'a broken rib'),
}
# The last one of each is not for training.
_SEEN = (
  'there is {x} {side}.',
  '{x} is seen {side}.',
  '{side} {x}.',
  '{side} there is {x}.',
)
_NOT_SEEN = (
  'there is no {y} {side}.',
  'no {y} is seen.',
  '{y} is not seen {side}.',
  '{side} no {y}.',
)
_BOTH = (
  'there is {x} but no {y}.',
  'no {y} but {x} is seen.',
  '{x} is seen {side}, {y} is not.',
  '{side} no {y} but {x}.',
)
_GONE = ('{y} of last year is gone.', 'last year there was {y}, it is gone.')
_SIDES = ('on the left', 'on the right', 'above', 'below')


def write(
  said: Mapping[str, bool], rng: np.random.Generator, *, held_out: bool
) -> str:
  """Writes a report.

  Args:
    said: of each thing that is mentioned, whether it is said to be there.
    rng: of order and wording.
    held_out: whether wordings may be used that training does not have.

  Returns:
    Sentences, in any order; never empty.
  """
  names = [list(said)[i] for i in rng.permutation(len(said))]
  seen = [name for name in names if said[name]]
  not_seen = [name for name in names if not said[name]]
  sentences = []
  while seen and not_seen and rng.random() < 0.7:
    sentences.append(_fill(_BOTH, rng, held_out, seen.pop(), not_seen.pop()))
  sentences += [_fill(_SEEN, rng, held_out, x=name) for name in seen]
  for name in not_seen:
    # All of these are for training.
    gone = rng.random() < 0.2
    forms, free = (_GONE, True) if gone else (_NOT_SEEN, held_out)
    sentences.append(_fill(forms, rng, free, y=name))
  order = rng.permutation(len(sentences))
  return ' '.join(sentences[i] for i in order) or 'nothing to say.'


def _fill(
  forms: Sequence[str],
  rng: np.random.Generator,
  held_out: bool,
  x: str = '',
  y: str = '',
) -> str:
  form = forms[int(rng.integers(len(forms) - (0 if held_out else 1)))]
  called = {
    key: THINGS[name][int(rng.integers(len(THINGS[name])))] if name else ''
    for key, name in (('x', x), ('y', y))
  }
  if 'no {y}' in form:
    called['y'] = called['y'].removeprefix('a ').removeprefix('an ')
  return form.format(side=_SIDES[int(rng.integers(len(_SIDES)))], **called)
