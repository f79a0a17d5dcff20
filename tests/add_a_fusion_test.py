"""The code of docs/add_a_fusion.md runs as it stands there."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / 'docs' / 'add_a_fusion.md'


def test_its_test_passes():
  blocks = re.findall(r'^```python\n(.*?)^```', PAGE.read_text(), re.S | re.M)
  names = {}
  for block in blocks:
    exec(compile(block, str(PAGE), 'exec'), names)
  names['test_maximum']()
