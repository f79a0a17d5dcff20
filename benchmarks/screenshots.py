"""Takes the pictures of the page that stand in README and docs/web.md.

  mmjax search index --checkpoint C --index I --modalities image audio \\
    --source /usr/share/tuxpaint/stamps
  python benchmarks/screenshots.py --checkpoint C --index I

`C` is a run of configs/stamps_search.py; `--chat C`, with a run of
configs/assistant.py, takes that of the dialogue instead. Prints a table of what
was asked and how long the page took to answer, and one line of JSON.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from mmjax.data import splits

ROOT = Path(__file__).parents[1]
STAMPS = Path('/usr/share/tuxpaint/stamps')
QUERIES = {
  'English': 'a red flower',
  'Deutsch': 'ein Pferd',
  'français': 'un oiseau',
  'español': 'un barco',
}
KEPT = {'Deutsch': 'de'}
WIDTH, HEIGHT = 1180, 860
_MOST = 150_000  # bytes of a picture


@contextlib.contextmanager
def served(checkpoint: str, index: str | None) -> Iterator[str]:
  """Runs `mmjax web`; yields where the page is."""
  words = ['web', '--checkpoint', checkpoint, '--port', '0']
  words += ['--index', index] if index else []
  server = subprocess.Popen(
    [sys.executable, '-m', 'mmjax.apps.cli', *words, '--title', 'Stamps'],
    cwd=ROOT,
    env={**os.environ, 'PYTHONPATH': str(ROOT)},
    stdout=subprocess.PIPE,
    text=True,
  )
  try:
    assert server.stdout is not None
    yield server.stdout.readline().split()[0]
  finally:
    server.send_signal(signal.SIGINT)
    server.wait(timeout=60)


def keep(page: Page, file: Path) -> None:
  """Writes what the page looks like, in few bytes."""
  page.mouse.move(0, 0)
  page.wait_for_timeout(700)
  page.screenshot(path=str(file), full_page=True)
  with Image.open(file) as image:
    small = image.convert('RGB').quantize(200, dither=Image.Dither.NONE)
  small.save(file, optimize=True)
  assert file.stat().st_size < _MOST, f'{file} is too large'


def search(page: Page, out: Path) -> dict[str, float]:
  """Asks in each language; some of the answers are kept."""
  tab = page.locator('#mm-search')
  took = {}
  for language, words in QUERIES.items():
    page.evaluate("document.querySelector('.mm-cards')?.remove()")
    tab.get_by_label('Words').fill(words)
    start = time.monotonic()
    tab.get_by_role('button', name='Search').click()
    tab.locator('.mm-card').first.wait_for()
    took[f'{language}: {words}'] = time.monotonic() - start
    if language in KEPT:
      keep(page, out / f'web_search_{KEPT[language]}.png')
  return took


def classify(page: Page, out: Path) -> dict[str, float]:
  """Asks what a horse is that is called a flower, and what speaks for it."""
  page.get_by_role('tab', name='Classify').click()
  tab = page.locator('#mm-classify')
  folder = STAMPS / 'animals'
  picture = next(iter(sorted(folder.rglob('horse*.png'))))
  spoken = picture.with_name(f'{picture.stem}_desc.ogg')
  inputs = tab.locator('input[type=file]')
  if spoken.exists():
    inputs.last.set_input_files(spoken)
  inputs.first.set_input_files(picture)
  tab.get_by_label('Words').fill('une fleur rouge')
  page.wait_for_timeout(2000)
  start = time.monotonic()
  tab.get_by_role('button', name='Classify').click()
  tab.locator('.mm-figure').first.wait_for()
  took = time.monotonic() - start
  keep(page, out / 'web_classify.png')
  return {f'classify {picture.stem}': took}


def chat(page: Page, out: Path) -> dict[str, float]:
  """Asks about a picture and a voice of the test split, none trained on."""
  names = sorted(
    file.relative_to(STAMPS).as_posix()
    for file in (STAMPS / 'animals').rglob('*.txt')
    if (file.with_suffix('.png').exists())
    and file.with_name(f'{file.stem}_desc_fr.ogg').exists()
  )
  picture = STAMPS / next(name for name in names if splits.is_test(name))
  picture = picture.with_suffix('.png')
  spoken = picture.with_name(f'{picture.stem}_desc_fr.ogg')
  tab = page.locator('#mm-chat')
  inputs = tab.locator('input[type=file]')
  took = {}
  asked = (
    ('What kind of thing is this?', inputs.first, picture),
    ('Which language is spoken?', inputs.last, spoken),
    ('How is it called in German?', None, None),
  )
  for number, (words, place, file) in enumerate(asked):
    if place is not None and file is not None:
      with page.expect_response(lambda answer: '/upload?' in answer.url):
        place.set_input_files(file)
      page.wait_for_timeout(500)
    tab.get_by_label('Words').fill(words)
    start = time.monotonic()
    tab.get_by_role('button', name='Ask').click()
    tab.locator('.mm-answer').nth(number).wait_for()
    page.wait_for_function(
      "document.querySelector('#mm-chat textarea').value === ''"
    )
    took[words] = time.monotonic() - start
  inputs.first.set_input_files(picture)
  page.wait_for_timeout(500)
  keep(page, out / 'web_chat.png')
  return took


def main() -> None:
  """Runs the command line."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--checkpoint')
  parser.add_argument('--index')
  parser.add_argument('--chat', metavar='C')
  parser.add_argument('--out', type=Path, default=ROOT / 'docs' / 'images')
  parser.add_argument('--chromium', default='/usr/bin/chromium')
  own = parser.parse_args()
  if not own.chat and not (own.checkpoint and own.index):
    parser.error('give --checkpoint and --index, or --chat')
  own.out.mkdir(parents=True, exist_ok=True)
  took: dict[str, Any] = {}
  opened = (own.chat, None) if own.chat else (own.checkpoint, own.index)
  with served(*opened) as url, sync_playwright() as api:
    browser = api.chromium.launch(
      executable_path=own.chromium, args=['--no-sandbox']
    )
    page = browser.new_page(viewport={'width': WIDTH, 'height': HEIGHT})
    page.set_default_timeout(120_000)
    page.goto(url)
    page.locator('.mm-head').wait_for()
    if own.chat:
      took |= chat(page, own.out)
    else:
      took |= search(page, own.out) | classify(page, own.out)
    browser.close()
  for asked, seconds in took.items():
    print(f'{asked:32} {seconds:6.2f} s')
  print(json.dumps({'seconds': {k: round(v, 3) for k, v in took.items()}}))


if __name__ == '__main__':
  main()
