"""Trains a model: `python train.py --config configs/digits.py --workdir W`."""

import sys

from mmjax.main import main

if __name__ == '__main__':
  sys.exit(main())
