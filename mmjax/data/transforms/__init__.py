"""Augmentation on the host, of images, sounds and texts."""

from mmjax.data.transforms.base import Chain, OfPicture, Transform
from mmjax.data.transforms.color import ColorJitter
from mmjax.data.transforms.erasing import RandomErasing
from mmjax.data.transforms.motion import RandomAffine, RandomFlip
from mmjax.data.transforms.rand_augment import RandAugment
from mmjax.data.transforms.resize import RandomResizedCrop, Resize
from mmjax.data.transforms.sounds import (
  RandomGain,
  RandomNoise,
  RandomShift,
  RandomSpeed,
  SoundTransform,
)
from mmjax.data.transforms.texts import CleanText

__all__ = [
  'Chain',
  'CleanText',
  'ColorJitter',
  'OfPicture',
  'RandAugment',
  'RandomAffine',
  'RandomErasing',
  'RandomFlip',
  'RandomGain',
  'RandomNoise',
  'RandomResizedCrop',
  'RandomShift',
  'RandomSpeed',
  'Resize',
  'SoundTransform',
  'Transform',
]
