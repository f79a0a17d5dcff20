"""The code of docs/data.md runs as it stands there, and prints what it says."""

import contextlib
import importlib.util
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / 'docs/data.md'


def test_its_blocks_run_one_behind_the_other(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  names = {}
  blocks = re.findall(r'^```python\n(.*?)^```', PAGE.read_text(), re.S | re.M)
  assert len(blocks) == 10
  if importlib.util.find_spec('av') is None:
    blocks = [block for block in blocks if 'import av' not in block]
  for block in blocks:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
      exec(compile(block, str(PAGE), 'exec'), names)
    want = re.findall(r'^# (.*)$', block, re.M)
    assert said.getvalue().splitlines() == want
