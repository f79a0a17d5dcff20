"""A run starts without what it needs only at its end, or not at all."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LATE = (
  'matplotlib', 'pandas', 'scipy.stats', 'sklearn', 'tensorflow_datasets',
  'torch',
)  # fmt: skip
PROGRAM = """
import sys
from pathlib import Path
from mmjax import main
from mmjax.train import load_config, loop
load_config(Path('configs/digits.py')).data.source('train')
print(*sys.modules)
"""


def test_training_on_digits_imports_nothing_late():
  done = subprocess.run(
    [sys.executable, '-c', PROGRAM],
    check=True,
    capture_output=True,
    text=True,
    cwd=ROOT,
  )
  loaded = set(done.stdout.split())
  assert 'mmjax.data.datasets.digits' in loaded
  assert not loaded & {*LATE}
