"""The figure of spoken commands and what was understood."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxtyping import Float32
from numpy import ndarray

from mmjax.data import audio, mel
from mmjax.evaluators import figures


def commands(
  path: Path,
  *,
  sounds: Sequence[Float32[ndarray, ' s']],
  lines: Sequence[Mapping[str, str]],
  title: str,
) -> None:
  """Draws each command's spectrogram, its words and its frame.

  Args:
    path: PNG that is written.
    sounds: of 16 kHz; at least one.
    lines: `words`, `meant` and `understood` of each.
    title: of the figure.
  """
  longest = max(sound.size for sound in sounds) / audio.RATE
  figure = figures.blank(9.0, 0.78 * len(sounds) + 0.7)
  grid = figure.subplots(len(sounds), 2, squeeze=False, width_ratios=(1, 1.6))
  for (left, right), sound, line in zip(grid, sounds, lines, strict=True):
    power = mel.decibels(mel.mel_spectrogram(sound, hop=160), floor=60.0)
    left.imshow(
      power,
      cmap='magma',
      origin='lower',
      aspect='auto',
      extent=(0, sound.size / audio.RATE, 0, 1),
    )
    left.set_xlim(0, longest)
    left.set_yticks([])
    left.set_xticks([])
    left.spines[:].set_visible(False)
    right.axis('off')
    good = line['meant'] == line['understood']
    texts = [(f'“{line["words"]}”', figures.INK)]
    texts.append((line['understood'], figures.GREEN if good else figures.RED))
    if not good:
      texts.append((f'meant: {line["meant"]}', figures.QUIET))
    figures.write(right, texts, apart=0.36)
  figures.finish(figure, path, title=title)
