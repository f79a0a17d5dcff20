"""What runs have written: `metrics.jsonl`, a JSON object a line."""

import json
from pathlib import Path
from typing import Any


def lines(workdir: Path, split: str) -> list[dict[str, Any]]:
  """Those of a split: `train`, `val` or `eval`; none where there is no run."""
  file = workdir / 'metrics.jsonl'
  if not file.exists():
    return []
  found = map(json.loads, file.read_text().splitlines())
  return [line for line in found if line['split'] == split]
