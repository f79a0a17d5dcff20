"""The code of docs/generation.md runs as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[1] / 'docs/generation.md'


@pytest.mark.slow
def test_its_blocks_run_one_behind_the_other():
  names = {}
  blocks = re.findall(r'^```python\n(.*?)^```', PAGE.read_text(), re.S | re.M)
  assert len(blocks) == 5
  for block in blocks:
    exec(compile(block, str(PAGE), 'exec'), names)
  for name in ('found', 'drawn', 'best'):
    assert names[name].tokens.shape == (2, 8)
    assert np.isfinite(names[name].log_p).all()
  # A search that keeps more finds nothing less likely.
  lengths = names['best'].mask.sum(axis=1)
  mean = names['best'].log_p.sum(axis=1) / lengths
  np.testing.assert_allclose(names['best'].score, mean, rtol=1e-4)
  # The conversation: what was said counts in training, and a reply is written.
  (term,) = names['terms'].values()
  assert term.weight == len('a cat') + 1
  assert np.isfinite(term.loss).all()
  assert names['reply'].tokens.shape == (1, 8)
