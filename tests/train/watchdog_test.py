import subprocess
import sys
import time

import pytest

HANG = """
import time
from mmjax.train.watchdog import Watchdog

def waits_for_a_peer():
  time.sleep(60)

with Watchdog(2.0), Watchdog(0):
  pass
# Longer than it waits, but fed, and those that are closed or off are silent.
with Watchdog(2.0) as watchdog:
  for step in range(10):
    time.sleep(0.3)
    watchdog.feed(step)
  print('fed', flush=True)
  waits_for_a_peer()
"""


@pytest.mark.slow
def test_a_process_that_hangs_ends_and_says_where():
  start = time.monotonic()
  done = subprocess.run(
    [sys.executable, '-c', HANG], capture_output=True, text=True, timeout=60
  )
  assert time.monotonic() - start < 30
  assert (done.returncode, done.stdout) == (1, 'fed\n'), done.stderr
  assert 'in waits_for_a_peer' in done.stderr
  last = done.stderr.splitlines()[-1]
  assert last.startswith('error: nothing was done for 2 s after step 9')
  assert 'the same command goes on' in last
