"""How feelings show in voice, words and face: see `feelings.py`."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mmjax.data.espeak import Request

EMOTIONS = ('joy', 'sadness', 'anger', 'fear', 'calm')
SIGNALS = ('audio', 'text', 'image')
"""Voice, words and face, the most trusted first."""
SITUATIONS = {
  'sincere': 0.35, 'irony': 0.2, 'polite face': 0.2, 'composed voice': 0.15,
  'torn': 0.1,
}  # fmt: skip
"""How often each comes."""
ACCENTS = ('en', 'en-us', 'en-gb-x-rp')
SPEAKERS = {
  'train': (
    'm1', 'm2', 'm4', 'm5', 'm6', 'm7', 'f1', 'f2', 'f3', 'f5', 'Alex',
    'Andrea', 'Annie', 'Denis', 'Lee', 'linda', 'Mike', 'steph',
  ),
  'validation': ('m8', 'belinda'),
  'test': ('m3', 'f4', 'Andy', 'anika'),
}  # fmt: skip
# Short names of emoji. Which emotion a face shows is our own reading of it.
FACES = {
  'joy': {
    'train': (
      'grinning', 'grin', 'smiley', 'smile', 'blush', 'wink', 'yum',
      'slightly_smiling_face', 'heart_eyes', 'stuck_out_tongue',
      'smiling_face_with_3_hearts', 'hugging_face', 'partying_face',
      'smiley_cat', 'rolling_on_the_floor_laughing',
    ),
    'validation': ('innocent', 'joy_cat', 'stuck_out_tongue_closed_eyes'),
    'test': ('joy', 'laughing', 'star-struck', 'relaxed', 'smile_cat'),
  },
  'sadness': {
    'train': (
      'pensive', 'disappointed', 'cry', 'sob', 'frowning', 'confused',
      'slightly_frowning_face', 'weary', 'persevere', 'pleading_face',
      'sleepy',
    ),
    'validation': ('tired_face', 'worried'),
    'test': (
      'disappointed_relieved', 'white_frowning_face', 'crying_cat_face',
      'confounded',
    ),
  },
  'anger': {
    'train': ('angry', 'rage', 'imp', 'unamused', 'face_with_rolling_eyes'),
    'validation': ('face_with_symbols_on_mouth',),
    'test': ('triumph', 'pouting_cat'),
  },
  'fear': {
    'train': (
      'fearful', 'anguished', 'scream', 'cold_sweat', 'open_mouth', 'flushed',
      'dizzy_face', 'face_with_peeking_eye', 'exploding_head',
    ),
    'validation': ('hushed', 'shaking_face'),
    'test': (
      'astonished', 'scream_cat', 'face_with_open_eyes_and_hand_over_mouth',
    ),
  },
  'calm': {
    'train': (
      'neutral_face', 'expressionless', 'no_mouth', 'thinking_face',
      'face_with_raised_eyebrow', 'saluting_face', 'relieved',
    ),
    'validation': ('zipper_mouth_face', 'smirk'),
    'test': (
      'face_with_diagonal_mouth', 'dotted_line_face', 'face_with_monocle',
    ),
  },
}  # fmt: skip


class Prosody(NamedTuple):
  """How an emotion changes a voice, in the units of espeak-ng.

  Directions after Juslin & Laukka, Communication of Emotions in Vocal
  Expression (https://doi.org/10.1037/0033-2909.129.5.770), table 7; how far is
  our own choice.

  Attributes:
    rate: words a minute that are added.
    pitch: added to the pitch.
    pitch_range: added to the range of the pitch.
    volume: what the volume is multiplied by.
  """

  rate: int
  pitch: int
  pitch_range: int
  volume: float


PROSODY = {
  'joy': Prosody(20, 20, 40, 1.25),
  'sadness': Prosody(-40, -15, -30, 0.6),
  'anger': Prosody(40, 5, 30, 1.7),
  'fear': Prosody(45, 25, -30, 0.8),
  'calm': Prosody(0, 0, 0, 1.0),
}


def situate(felt: str, situation: str, rng: np.random.Generator) -> dict:
  """What each signal shows: signal -> emotion.

  Sincere people show what they feel. In irony the words are joyful, and those
  of the joyful angry; a polite face smiles, and that of the joyful is calm; a
  composed voice is calm, and that of the calm joyful. Who is torn shows three
  emotions; that of the voice is felt.
  """
  shown = dict.fromkeys(SIGNALS, felt)
  if situation == 'irony':
    shown['text'] = 'anger' if felt == 'joy' else 'joy'
  elif situation == 'polite face':
    shown['image'] = 'calm' if felt == 'joy' else 'joy'
  elif situation == 'composed voice':
    shown['audio'] = 'joy' if felt == 'calm' else 'calm'
  elif situation == 'torn':
    others = [emotion for emotion in EMOTIONS if emotion != felt]
    one, two = rng.choice(len(others), 2, replace=False)
    shown |= {'text': others[one], 'image': others[two]}
  return shown


def felt_of(shown: Mapping[str, str]) -> str:
  """What most signals show; if all differ, what the voice does."""
  emotions = [shown[signal] for signal in SIGNALS]
  return max(emotions, key=emotions.count)


def say(
  text: str, emotion: str, split: str, rng: np.random.Generator
) -> Request:
  """Who says a text, and how; everybody has a pitch and a pace of his own.

  Some show an emotion half as much as others.
  """
  accent, speaker = rng.choice(ACCENTS), rng.choice(SPEAKERS[split])
  change, strength = PROSODY[emotion], rng.uniform(0.5, 1.0)

  def value(low: int, high: int, added: int, bounds: tuple[int, int]) -> int:
    own = rng.uniform(low, high) + strength * added
    return round(float(np.clip(own, *bounds)))

  return Request(
    text,
    f'{accent}+{speaker}',
    words_a_minute=value(150, 185, change.rate, (80, 450)),
    pitch=value(35, 60, change.pitch, (0, 99)),
    pitch_range=value(40, 60, change.pitch_range, (0, 99)),
    volume=round(rng.uniform(40, 70) * change.volume**strength),
  )
