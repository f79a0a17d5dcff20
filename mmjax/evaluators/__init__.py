"""From a model's outputs to named numbers and figures."""

from mmjax.evaluators.binary import Binary
from mmjax.evaluators.calibration import Calibration
from mmjax.evaluators.class_scores import ClassScores
from mmjax.evaluators.classification import Classification
from mmjax.evaluators.corruptions import PixelNoise, SignalNoise, TokenNoise
from mmjax.evaluators.multi_label import MultiLabel
from mmjax.evaluators.ordinal import Ordinal
from mmjax.evaluators.picture_classifier import PictureClassifier
from mmjax.evaluators.probe import Probe
from mmjax.evaluators.regression import Regression
from mmjax.evaluators.retrieval import Retrieval
from mmjax.evaluators.robustness import Robustness
from mmjax.evaluators.samples import Samples
from mmjax.evaluators.segmentation import Segmentation
from mmjax.evaluators.zero_shot import ZeroShot

__all__ = [
  'Binary',
  'Calibration',
  'ClassScores',
  'Classification',
  'MultiLabel',
  'Ordinal',
  'PictureClassifier',
  'PixelNoise',
  'Probe',
  'Regression',
  'Retrieval',
  'Robustness',
  'Samples',
  'Segmentation',
  'SignalNoise',
  'TokenNoise',
  'ZeroShot',
]
