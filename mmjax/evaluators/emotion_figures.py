"""The figure of people whose voice, words and face do not agree."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from mmjax.data import audio, mel
from mmjax.evaluators import figures, prosody

EACH = 2  # people of a situation
_HIGHEST = 1000.0  # Hz


class Person(NamedTuple):
  """Somebody, and what is made of them.

  Attributes:
    situation: why signals do not agree.
    face: a picture.
    sound: at 16 kHz.
    words: what is said.
    felt: the right answer.
    shown: modality -> the emotion of its signal.
    said: '' -> what is answered of all; `audio_` and so on -> of one alone.
  """

  situation: str
  face: UInt8[np.ndarray, 'h w 3']
  sound: Float32[np.ndarray, ' s']
  words: str
  felt: str
  shown: Mapping[str, str]
  said: Mapping[str, str]


def draw(path: Path, people: Sequence[Person]) -> None:
  """Draws face, voice with its pitch, words and answers, a person a line.

  Args:
    path: PNG that is written.
    people: from top to bottom; at least one.
  """
  figure = figures.blank(8.2, 0.85 * len(people) + 0.8)
  grid = figure.subplots(
    len(people), 3, squeeze=False, width_ratios=(0.7, 2.2, 3.8)
  )
  longest = max(person.sound.size for person in people) / audio.RATE
  for (face, voice, told), one in zip(grid, people, strict=True):
    face.imshow(one.face)
    face.axis('off')
    if one.sound.size:
      _voice(voice, one.sound)
    voice.set_xlim(0, longest)
    voice.set_xticks([])
    voice.set_yticks([])
    voice.spines[:].set_visible(False)
    told.axis('off')
    signals = ', '.join(
      f'{word} {one.shown[key]} ({one.said[f"{key}_"]})'
      for key, word in (
        ('audio', 'voice'), ('text', 'words'), ('image', 'face')
      )
    )  # fmt: skip
    right = one.said[''] == one.felt
    answer = f'all: {one.said[""]}'
    if not right:
      answer += f'; felt: {one.felt}'
    lines = (
      (f'{one.situation}: “{one.words}”', figures.INK),
      (signals, figures.QUIET),
      (answer, figures.GREEN if right else figures.RED),
    )
    figures.write(told, lines, apart=0.32)
  title = 'What each signal shows, and (what the model says of it alone)'
  figures.finish(figure, path, title=title)


def _voice(axes, sound: Float32[np.ndarray, ' s']) -> None:
  """The spectrogram up to 1 kHz, and the pitch in it."""
  power = mel.mel_spectrogram(
    sound, n_fft=1024, hop=160, mels=40, fmax=_HIGHEST
  )
  seconds = sound.size / audio.RATE
  axes.imshow(
    mel.decibels(power, floor=40.0),
    cmap='gray_r',
    origin='lower',
    aspect='auto',
    extent=(0, seconds, 0, _HIGHEST),
  )
  hertz = prosody.pitch(sound)
  axes.plot(
    np.arange(hertz.size) * prosody.HOP / audio.RATE,
    hertz,
    '.',
    color=figures.RED,
    markersize=1.5,
  )
  axes.set_ylim(0, _HIGHEST)
