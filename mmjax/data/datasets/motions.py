"""BasicMotions: what someone with a smart watch is doing.

40 + 40 series of 10 s at 10 Hz: accelerometer and gyroscope, three axes each.
Four students of the University of East Anglia recorded them for the UEA
archive (https://www.timeseriesclassification.com), which names no licence for
it; the package aeon (BSD-3-Clause) ships it and it is read there.
"""

import dataclasses

from mmjax.data.datasets.series import SeriesDataset


@dataclasses.dataclass(frozen=True, kw_only=True)
class Motions(SeriesDataset):
  """The data set: sensor [100 6] and one of four motions."""

  problem: str = 'BasicMotions'
  """Name in the archive: folder, and first part of the files' names."""
  labels: tuple[str, ...] = ('Standing', 'Running', 'Walking', 'Badminton')
  """Names of the classes, as the files have them."""
  length: int = 100
  """Frames of the array; longer series are cut."""
