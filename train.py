"""Trains a model: `python train.py --config configs/digits.py --workdir W`."""

import sys

from mmjax.huge_pages import restart

if __name__ == '__main__':
  restart()
  # Not before: it takes seconds.
  from mmjax.main import main

  sys.exit(main())
