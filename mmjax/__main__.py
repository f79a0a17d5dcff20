"""The command `mmjax`; `python -m mmjax` is the same."""

import sys

from mmjax.huge_pages import restart


def main() -> int:
  """Runs the command line of the process; returns its exit code."""
  restart()
  # Not before: it takes seconds.
  from mmjax.apps import cli

  return cli.main()


if __name__ == '__main__':
  sys.exit(main())
