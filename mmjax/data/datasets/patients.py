"""Patients: picture, report, sound and measurements, and one rare finding.

Generated; no patient, no hospital and no medicine stands behind it. Of each
patient parts are missing: the report of one in three, the picture of a few.
Readers miss findings and see some that are not there, pictures hide them, and
measurements move for other reasons too.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mmjax.data.dataset import SPLITS, Example, check_name
from mmjax.data.datasets import patients_reports, patients_signs
from mmjax.data.hashed_words import HashedWords
from mmjax.types import InputError

MEASURED = (
  'age', 'years of smoking', 'temperature', 'inflammation', 'marker', 'oxygen',
  'weight',
)  # fmt: skip
MISSING = {'image': 0.05, 'text': 0.35, 'audio': 0.15, 'tabular': 0.1}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patients:
  """Generated patients, each a function of the seed and its row alone.

  About one in twelve has the finding. Validation and test have wordings of
  reports that training does not have.
  """

  words: Any = HashedWords(length=48, vocabulary=2048)
  """Text to token ids and a mask."""
  examples: Mapping[str, int] = dataclasses.field(
    default_factory=lambda: {'train': 12_288, 'validation': 3072, 'test': 4096}
  )
  """Patients of each split."""
  seed: int = 0
  """Seed of all of them."""
  on_error: Literal['raise', 'skip'] = 'raise'
  """What to do with a record that cannot be read (there is none)."""

  def __post_init__(self):
    """Checks the fields."""
    for split in SPLITS:
      if self.examples.get(split, 0) < 1:
        raise InputError(f'examples has none of {split}')

  @property
  def classes(self) -> Mapping[str, Sequence[str]]:
    """Without the finding, and with it."""
    return {'label': ('no finding', 'finding')}

  def check(self) -> None:
    """Nothing to look for."""

  def source(self, split: str, view: str = 'default') -> Sequence[Example]:
    """The numbers of each patient's split and row."""
    check_name('split of patients', split, SPLITS)
    check_name('view of patients', view, ('default',))
    number = SPLITS.index(split)
    return [
      {'split': number, 'row': row} for row in range(self.examples[split])
    ]

  def text(self, split: str, row: int) -> str:
    """A patient's report, also where it is missing."""
    return self._draw({'split': SPLITS.index(split), 'row': row})['text']

  def prepare(
    self, example: Example, rng: np.random.Generator | None
  ) -> Example:
    """One patient, the same whenever it is met.

    Returns:
      image uint8 [48 48 1]; text int32 [t]; audio float32 [4000], a second at
      4 kHz; tabular numeric float32 [7]: the measurements, in standard
      deviations of the healthy; their masks; label int32. What is missing is
      zero.
    """
    del rng
    drawn = self._draw(example)
    here = drawn['here']
    text, real = self.words(drawn['text'] if here['text'] else '')
    return {
      'image': drawn['image'] * np.uint8(here['image']),
      'text': text,
      'audio': drawn['audio'] * np.float32(here['audio']),
      'tabular': {
        'numeric': np.float32(drawn['measured'] * here['tabular']),
      },
      'mask': {
        'image': np.bool_(here['image']),
        'text': real,
        'audio': np.full(patients_signs.SAMPLES, here['audio']),
        'tabular': {'numeric': here['tabular']},
      },
      'label': np.int32(drawn['finding']),
    }

  def _draw(self, example: Example) -> dict[str, Any]:
    rng = np.random.default_rng((self.seed, example['split'], example['row']))
    noise = rng.standard_normal(len(MEASURED))
    # Older people who smoke have it more often.
    odds = np.exp(-2.55 + 0.5 * noise[0] + 0.5 * noise[1])
    finding = bool(rng.random() < odds / (1 + odds))
    strength = rng.random() if finding else 0.0
    infection, effusion, scar, fracture = rng.random(4) < (0.25, 0.2, 0.3, 0.15)
    moved = {
      'temperature': 1.0 * infection,
      'inflammation': 1.5 * infection + 0.5 * effusion,
      'marker': (0.6 + 0.9 * strength) * finding + 1.0 * infection,
      'oxygen': -0.8 * effusion - 0.5 * infection - 0.3 * finding,
    }
    measured = noise + np.array([moved.get(name, 0.0) for name in MEASURED])
    # Behind the heart nothing is to be seen.
    shown = 0.05 + 0.95 * strength if rng.random() > 0.12 else 0.0
    said = self._said(finding, effusion, scar, fracture, rng)
    fine = rng.random() < (0.55 if finding else 0.08)
    return {
      'finding': finding,
      'measured': measured,
      'image': patients_signs.picture(
        rng, finding=shown if finding else 0.0, scar=bool(scar)
      ),
      'audio': patients_signs.sound(rng, fine=fine, coarse=bool(infection)),
      'text': patients_reports.write(said, rng, held_out=example['split'] > 0),
      'here': {
        'image': rng.random() >= MISSING['image'],
        'text': rng.random() >= MISSING['text'],
        'audio': rng.random() >= MISSING['audio'],
        'tabular': rng.random(len(MEASURED)) >= MISSING['tabular'],
      },
    }

  def _said(self, finding, effusion, scar, fracture, rng) -> dict[str, bool]:
    """What the reader takes each thing for; not all of them are mentioned."""
    truth = {
      'finding': finding, 'effusion': effusion, 'scar': scar,
      'fracture': fracture,
    }  # fmt: skip
    said = {}
    for name, there in truth.items():
      right = rng.random() < (0.8 if there else 0.96)
      seen = bool(there) if right else not there
      if seen or rng.random() < 0.75:
        said[name] = seen
    return said
