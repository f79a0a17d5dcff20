"""One page that shows how a run went: `report/index.html` and its PNGs."""

import html
import json
import logging
import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

_log = logging.getLogger(__name__)

# Results that make the headline, by the last part of their name, in this order.
_HEADLINES = ('accuracy', 'recall_at_1', 'recall_at_10', 'loss')
_MAX_HEADLINES = 12

_STYLE = """
:root { color-scheme: light dark; --paper: #f6f7f9; --card: #fff;
  --ink: #1f2933; --quiet: #5f6c7b; --line: #dfe3e8; --strong: #2f6fb7; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d;
  --card: #1d232a; --ink: #e4e7eb; --quiet: #9aa5b1; --line: #323a44;
  --strong: #7fb2ea; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; margin: .5rem 0 1.2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .8rem; }
.tiles { display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)); }
.tile { padding: .8rem 1rem; }
.figures { display: flex; flex-wrap: wrap; gap: .8rem;
  align-items: flex-start; }
.tile, figure, .table { background: var(--card); border-radius: 10px;
  border: 1px solid var(--line); }
.tile b { display: block; font-size: 1.7rem; line-height: 1.25;
  color: var(--strong); font-variant-numeric: tabular-nums; }
.tile span, figcaption, .tile small { color: var(--quiet); }
.tile span { font-size: .88rem; overflow-wrap: anywhere; }
.tile small { display: block; }
figure { margin: 0; padding: .8rem; flex: 1 1 min(100%, 30rem); }
figure.wide { flex-basis: 100%; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto;
  background: #fff; border-radius: 6px; }
figcaption { padding: .6rem .2rem 0; font-size: .92rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { padding: .35rem 1rem; text-align: left; font-weight: 400;
  border-top: 1px solid var(--line); }
tr:first-child > * { border-top: 0; }
td { text-align: right; font-variant-numeric: tabular-nums; }
"""


def write_report(
  workdir: Path,
  *,
  title: str,
  results: Mapping[str, int | float],
  figures: Mapping[str, Callable[[Path], None]],
  tables: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
  """Writes `report/index.html` and the pictures that it shows.

  The page needs no network and no script. A figure that cannot be drawn is
  named on the page and in the log, the rest is still written.

  Args:
    workdir: folder of the run; its `metrics.jsonl` gives the curves.
    title: what the run was.
    results: name -> value of the final evaluation.
    figures: name -> function that draws it into the PNG at a path.
    tables: name -> what is written into `report/NAME.json`.

  Returns:
    Path of the page.
  """
  # Matplotlib takes a second to import, and the report is written last.
  from mmjax.train import curves

  folder = workdir / 'report'
  folder.mkdir(parents=True, exist_ok=True)
  for name, table in tables.items():
    # As those of figures, names may have slashes.
    file = folder / f'{name.replace("/", "_")}.json'
    file.write_text(json.dumps(table, indent=2) + '\n')
  logged = curves.read_metrics(workdir / 'metrics.jsonl')
  pictures = draw_figures(
    folder,
    {
      'loss': lambda path: curves.draw_losses(path, logged),
      'validation': lambda path: curves.draw_scores(path, logged),
    },
  )
  more = draw_figures(folder, figures)
  escaped = html.escape(title)
  parts = [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    f'<title>{escaped}</title><style>{_STYLE}</style></head><body><main>',
    f'<h1>{escaped}</h1>',
    _tiles(results),
    _section('Training', pictures, kind='wide'),
    _section('What the model does', more, kind=''),
    _table(results),
    '</main></body></html>',
  ]
  page = folder / 'index.html'
  # Whoever has the page open never sees half of it.
  half = folder / 'index.html.part'
  half.write_text('\n'.join(part for part in parts if part), encoding='utf-8')
  os.replace(half, page)
  return page


def draw_figures(
  folder: Path, figures: Mapping[str, Callable[[Path], object]]
) -> dict[str, str | Exception | None]:
  """Draws each into a PNG of the folder, in their order.

  Returns:
    Name -> file name of the picture, None without one, or what went wrong.
  """
  drawn, taken = {}, set()
  for name, draw in figures.items():
    stem = re.sub(r'[^A-Za-z0-9]+', '_', name).strip('_') or 'figure'
    while stem in taken:
      stem += '_'
    taken.add(stem)
    path = folder / f'{stem}.png'
    # A figure of an earlier report must not pass for one of this.
    path.unlink(missing_ok=True)
    try:
      draw(path)
      drawn[name] = path.name if path.exists() else None
    # Hours of training must not be lost for a picture.
    except Exception as error:
      _log.exception('figure %s could not be drawn', name)
      drawn[name] = error
  return drawn


def _section(title: str, pictures: Mapping, *, kind: str) -> str:
  cards = []
  for name, picture in pictures.items():
    caption = html.escape(_words(name))
    if isinstance(picture, Exception):
      reason = html.escape(f'{type(picture).__name__}: {picture}')
      cards.append(
        f'<figure><figcaption>{caption}: could not be drawn ({reason})'
        '</figcaption></figure>'
      )
    elif picture is not None:
      source = html.escape(picture)
      cards.append(
        f'<figure class="{kind}"><a href="{source}">'
        f'<img src="{source}" alt="{caption}"></a>'
        f'<figcaption>{caption}</figcaption></figure>'
      )
  if not cards:
    return ''
  body = '\n'.join(cards)
  return f'<h2>{title}</h2>\n<div class="figures">\n{body}\n</div>'


def _tiles(results: Mapping[str, int | float]) -> str:
  tiles = []
  for suffix in _HEADLINES:
    for name, value in results.items():
      subject, _, metric = name.rpartition('/')
      # Losses make the headline only where nothing easier to read does.
      if metric != suffix or (suffix == 'loss' and tiles):
        continue
      if not math.isfinite(value):
        continue
      chance = results.get(f'{subject}/{metric.replace("recall", "chance")}')
      below = ''
      if metric.startswith('recall') and chance is not None:
        below = f'<small>chance {_number(metric, chance)}</small>'
      tiles.append(
        f'<div class="tile"><b>{_number(metric, value)}</b>'
        f'<span>{html.escape(_words(name))}</span>{below}</div>'
      )
  if not tiles:
    return ''
  return (
    '<div class="tiles">\n' + '\n'.join(tiles[:_MAX_HEADLINES]) + '\n</div>'
  )


def _table(results: Mapping[str, int | float]) -> str:
  if not results:
    return ''
  lines = '\n'.join(
    f'<tr><th scope="row">{html.escape(name)}</th>'
    f'<td>{_number("", value)}</td></tr>'
    for name, value in results.items()
  )
  return (
    f'<h2>All results</h2>\n<div class="table"><table>\n{lines}\n</table></div>'
  )


def _number(metric: str, value: int | float) -> str:
  if not math.isfinite(value):
    return 'not measured' if math.isnan(value) else str(value)
  if metric == 'accuracy' or metric.startswith(('recall', 'chance')):
    return f'{value:.1%}'
  return f'{value:.4g}' if abs(value) < 1e4 else f'{value:,.0f}'


def _words(name: str) -> str:
  """`eval/image_to_text/recall_at_1` as a person would write it."""
  parts = [part.replace('_', ' ') for part in name.split('/')]
  parts = parts[1:] if parts[0] in ('eval', 'val') and parts[1:] else parts
  text = ': '.join(parts)
  return text[:1].upper() + text[1:]
