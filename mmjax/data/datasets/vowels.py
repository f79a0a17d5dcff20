"""JapaneseVowels: which of nine men says `ae`.

270 + 370 utterances of 7 to 29 frames of 12 linear prediction cepstrum
coefficients. Kudo, Toyama and Shimbo, Multidimensional curve classification
using passing-through regions (https://doi.org/10.24432/C5NS47, CC BY 4.0); the
package aeon ships it in the format of the UEA archive and it is read there.
"""

import dataclasses

from mmjax.data.datasets.series import SeriesDataset


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vowels(SeriesDataset):
  """The data set: sensor [29 12], masked at its end, and one of nine men."""

  problem: str = 'JapaneseVowels'
  """Name in the archive: folder, and first part of the files' names."""
  labels: tuple[str, ...] = tuple('123456789')
  """Names of the classes, as the files have them."""
  names: tuple[str, ...] = tuple(f'speaker {i}' for i in range(1, 10))
  """What to call the classes; as the files do if empty."""
  length: int = 29
  """Frames of the array; longer series are cut."""
