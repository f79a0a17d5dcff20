"""What is said by those whose feelings are asked for: see `feelings.py`.

A text is a phrase that shows an emotion and, mostly, something beside it that
shows none. The phrases of validation and test are made of training's words.
"""

import re
from typing import NamedTuple

import numpy as np


class Phrases(NamedTuple):
  """Phrases that show one emotion, by split."""

  train: tuple[str, ...]
  validation: tuple[str, ...]
  test: tuple[str, ...]


PHRASES = {
  'joy': Phrases(
    train=(
      'I am so happy about this', 'this is wonderful',
      'what a lovely surprise', 'I could not be happier',
      'that is great news', 'I love it', 'this is the best day of the year',
      'I can not stop smiling', 'everything went so well',
      'I am glad we did it', 'how good it feels', 'I never felt better',
      'nothing could be nicer', 'we finally did it',
    ),
    validation=(
      'I am so glad about the news', 'this feels wonderful',
      'what a great day', 'it could not be better',
    ),
    test=(
      'I am happy we did this', 'that is the best news of the day',
      'how lovely it feels', 'I love the surprise', 'nothing went better',
      'I could not be so well', 'this is how I feel best',
    ),
  ),
  'sadness': Phrases(
    train=(
      'I feel so alone', 'I miss her every day', 'it hurts to think of it',
      'I could cry', 'there is nothing left for me', 'I lost what I loved',
      'nothing feels good any more', 'I am not happy any more',
      'it all feels empty', 'I am so sorry it is over',
      'I never felt so low', 'she is gone and will not come back',
      'I do not smile any more', 'it will never be the same',
    ),
    validation=(
      'I miss it so', 'it hurts and I could cry', 'I feel empty and low',
      'what I loved is gone',
    ),
    test=(
      'I lost her and I feel empty', 'I do not feel happy',
      'she will never come back', 'nothing is left of it',
      'I cry every day', 'it is over and I am alone',
      'I am sorry she is gone',
    ),
  ),
  'anger': Phrases(
    train=(
      'this makes me furious', 'how could they do this to me',
      'I have had enough of it', 'stop it right now', 'I hate this',
      'that is not fair', 'they never listen', 'do not tell me to be calm',
      'who do they think they are', 'get out of my way',
      'I will not take this any longer', 'it is always the same mess',
      'what a stupid thing to do', 'they lied to me',
    ),
    validation=(
      'I hate how they never listen', 'this is not fair to me',
      'I am furious', 'enough of this mess',
    ),
    test=(
      'I have had enough of the same mess', 'they lied and I hate it',
      'do not tell me this is fair', 'how stupid do they think I am',
      'they will not listen to me', 'get out right now',
      'this always makes me furious',
    ),
  ),
  'fear': Phrases(
    train=(
      'I am scared of what comes next', 'something is wrong',
      'I can not breathe', 'please do not leave me here',
      'what if it happens again', 'I heard a noise behind the door',
      'we are in danger', 'I am afraid to look', 'my hands are shaking',
      'do you think it is safe', 'I can not sleep any more',
      'I hope nothing bad happens', 'it could go wrong any moment',
      'do not go in there',
    ),
    validation=(
      'I am afraid of the noise', 'what if something is wrong',
      'it is not safe here', 'my hands are shaking again',
    ),
    test=(
      'I am scared it happens again', 'please look behind the door',
      'something bad comes next', 'do not leave me in there',
      'I heard something and can not sleep', 'what if we are in danger',
      'I am afraid it is not safe',
    ),
  ),
  'calm': Phrases(
    train=(
      'it is fine with me', 'there is no hurry',
      'we can talk about it later', 'I will look at it tomorrow',
      'it is all the same to me', 'nothing special happened',
      'I think that is right', 'we will see what comes',
      'it is as it always was', 'that is all I know',
      'you can leave it there', 'I have nothing to add',
      'let me know when you are there', 'there is nothing to be afraid of',
    ),
    validation=(
      'it is all right with me', 'I will know tomorrow',
      'we can look at it later', 'there is nothing to add',
    ),
    test=(
      'there is no hurry with it', 'I think we can leave it there',
      'we will talk about it tomorrow', 'that is as it was',
      'let me look at it later', 'nothing special that is all',
      'I know it is fine',
    ),
  ),
}  # fmt: skip
ASIDE = (
  'my sister called', 'the train leaves at nine', 'dinner is on the table',
  'they moved the meeting', 'the letter came today', 'we go there on Friday',
  'the dog is outside', 'I spoke with the landlord', 'it is about the house',
  'he wrote from work', 'the car is in the street', 'school starts on Monday',
)  # fmt: skip
_WITH_ASIDE = 0.7


def _words() -> tuple[str, ...]:
  said = [*ASIDE, *(p for phrases in PHRASES.values() for p in phrases.train)]
  return tuple(sorted({*re.findall(r'\w+', ' '.join(said).lower())}))


WORDS = _words()
"""All words of training, in small letters."""


def draw(emotion: str, split: str, rng: np.random.Generator) -> str:
  """A text whose words show an emotion, in phrases of a split."""
  phrases = getattr(PHRASES[emotion], split)
  parts = [phrases[rng.integers(len(phrases))]]
  if rng.random() < _WITH_ASIDE:
    parts.insert(rng.integers(2), ASIDE[rng.integers(len(ASIDE))])
  text = ', '.join(parts)
  return text[0].upper() + text[1:]
