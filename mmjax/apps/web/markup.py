"""Results as HTML: pictures and sounds are inside, as data, never as paths."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import soundfile
from jaxtyping import Float, UInt8
from PIL import Image

from mmjax.data.audio import RATE

NAMES = {'image': 'picture', 'text': 'words', 'audio': 'sound'}
"""What people call modalities."""
_LEAST = 0.1  # a smaller effect than that is drawn as small as it is


class Card(NamedTuple):
  """One result of a search.

  Attributes:
    title: what it is called.
    score: similarity to the question.
    body: HTML of the picture, sound or text.
  """

  title: str
  score: float
  body: str


def picture(pixels: UInt8[np.ndarray, 'h w 3'], *, side: int = 240) -> str:
  """HTML of a picture, made smaller where it is larger than `side`."""
  image = Image.fromarray(pixels)
  image.thumbnail((side, side), Image.Resampling.BICUBIC)
  out = io.BytesIO()
  image.save(out, format='PNG')
  return f'<img alt="" src="{data_uri(out.getvalue(), "image/png")}">'


def sound(samples: Float[np.ndarray, ' s'], *, rate: int = RATE) -> str:
  """HTML of a player of a sound."""
  out = io.BytesIO()
  soundfile.write(out, np.clip(samples, -1, 1), rate, format='FLAC')
  uri = data_uri(out.getvalue(), 'audio/flac')
  return f'<audio controls preload="metadata" src="{uri}"></audio>'


def text(words: str) -> str:
  """HTML of a text."""
  return f'<blockquote>{html.escape(words)}</blockquote>'


def data_uri(data: bytes, kind: str) -> str:
  """The bytes themselves, in place of an address."""
  return f'data:{kind};base64,{base64.b64encode(data).decode()}'


def results(found: Mapping[str, Sequence[Card]]) -> str:
  """HTML of the results of a search: heading -> results, the best first."""
  some = {head: cards(of) for head, of in found.items() if of}
  if not some:
    return '<p class="mm-quiet">Nothing was found.</p>'
  return ''.join(
    f'<h2 class="mm-kind">{html.escape(head)}</h2>{body}'
    for head, body in some.items()
  )


def cards(found: Sequence[Card]) -> str:
  """HTML of results of one kind."""
  items = ''.join(
    f'<li class="mm-card"><div class="mm-body">{card.body}</div>'
    f'<div class="mm-title" title="{html.escape(card.title)}">'
    f'{html.escape(card.title)}</div>'
    f'<div class="mm-score">{card.score:.3f}</div></li>'
    for card in found
  )
  return f'<ol class="mm-cards">{items}</ol>'


escape = html.escape


def words(written: str) -> str:
  """HTML of what a model wrote."""
  if not written.strip():
    return '<p class="mm-quiet">The model found no words.</p>'
  return f'<p class="mm-words">{html.escape(written)}</p>'


def dialogue(messages: Sequence[Mapping[str, Any]]) -> str:
  """HTML of a dialogue, the newest message last."""
  items = []
  for one in messages:
    content = one['content']
    parts = (
      [{'type': 'text', 'text': content}]
      if isinstance(content, str)
      else content
    )
    body = ''.join(
      html.escape(part['text'])
      if part['type'] == 'text'
      else f'<span class="mm-part">{html.escape(NAMES[part["type"]])}</span> '
      for part in parts
    )
    role = 'answer' if one['role'] == 'assistant' else 'question'
    items.append(f'<li class="mm-{role}">{body}</li>')
  return f'<ol class="mm-dialogue">{"".join(items)}</ol>'


def quiet(words: str) -> str:
  """HTML of something beside the point; nothing if there is nothing."""
  return f'<p class="mm-quiet">{html.escape(words)}</p>' if words else ''


def message(words: str) -> str:
  """HTML of what went wrong; nothing if nothing did."""
  if not words:
    return ''
  return f'<p class="mm-problem" role="alert">{html.escape(words)}</p>'


def effects(
  answer: str,
  before: float,
  after: Mapping[str, float],
  effect: Mapping[str, float],
) -> str:
  """HTML of what each modality did for the answer.

  Args:
    answer: the class.
    before: its probability with all.
    after: its probability without each modality.
    effect: how much each added to its log-probability.
  """
  most = max([abs(x) for x in effect.values()] + [_LEAST])
  lines = []
  for name in sorted(effect, key=lambda name: -effect[name]):
    side = 'for' if effect[name] >= 0 else 'against'
    width = 50 * abs(effect[name]) / most
    lines.append(
      f'<tr><th scope="row">{html.escape(NAMES.get(name, name))}</th>'
      f'<td class="mm-track"><span class="mm-bar mm-{side}" '
      f'style="width:{width:.1f}%"></span></td>'
      f'<td class="mm-number">{before:.1%} → {after[name]:.1%}</td></tr>'
    )
  return (
    '<table class="mm-effects"><caption>What each adds to '
    f'<b>{html.escape(answer)}</b>: its probability, and what is left of it '
    f'without</caption><tbody>{"".join(lines)}</tbody></table>'
  )


def figure(png: bytes, caption: str) -> str:
  """HTML of a drawing."""
  return (
    f'<figure class="mm-figure"><img alt="{html.escape(caption)}" '
    f'src="{data_uri(png, "image/png")}">'
    f'<figcaption>{html.escape(caption)}</figcaption></figure>'
  )


CSS = """
.mm-head { font-size: 22px; font-weight: 650; margin: 4px 0; }
.mm-cards { display: grid; gap: 14px; padding: 0; margin: 0; list-style: none;
  grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
.mm-card { border: 1px solid var(--border-color-primary); border-radius: 10px;
  padding: 10px; background: var(--background-fill-primary); margin: 0;
  display: flex; flex-direction: column; gap: 6px; overflow: hidden; }
.mm-kind { font-size: 14px; font-weight: 600; margin: 0 0 8px; }
.mm-cards + .mm-kind { margin-top: 18px; }
[id$="-problem"]:not(:has(.mm-problem)) { display: none; }
.mm-audio .wrap { min-height: 96px !important; height: 96px; padding: 0; }
.mm-audio .wrap .icon-wrap { display: none; }
.mm-body { display: flex; align-items: center; justify-content: center;
  height: 120px; }
.mm-body:has(audio) { height: 64px; }
.mm-body img { max-width: 100%; max-height: 120px; object-fit: contain; }
.mm-body audio { width: 100%; }
.mm-body blockquote { margin: 0 !important; overflow: hidden; height: 120px;
  font-size: 13px; line-height: 1.4; }
.mm-title { font-size: 13px; line-height: 1.35; overflow-wrap: anywhere; }
.mm-score, .mm-quiet { font-size: 12px; color: var(--body-text-color-subdued);
  font-variant-numeric: tabular-nums; }
.mm-problem { border-left: 4px solid #c8453b; padding: 8px 12px; margin: 0;
  background: #fdf0ee; color: #7a1f17; border-radius: 4px; }
.mm-effects { width: 100%; border-collapse: collapse; font-size: 14px;
  border: 0 !important; }
.mm-effects caption { text-align: left; padding-bottom: 6px;
  color: var(--body-text-color-subdued); }
.mm-effects tr, .mm-effects th, .mm-effects td { border: 0 !important;
  padding: 4px; }
.mm-effects th { text-align: left; font-weight: 600; width: 72px; }
.mm-track { position: relative; height: 22px;
  background: linear-gradient(#cbd2d9, #cbd2d9) center / 1px 100% no-repeat; }
.mm-bar { position: absolute; top: 6px; height: 14px; border-radius: 3px; }
.mm-for { left: 50%; background: #c8453b; }
.mm-against { right: 50%; background: #2f6fb7; }
.mm-number { width: 132px; text-align: right;
  font-variant-numeric: tabular-nums; }
.mm-maps { display: grid; gap: 14px; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); }
.mm-figure { margin: 0; max-width: 360px; }
.mm-figure img { width: 100%; border-radius: 6px; }
.mm-figure figcaption { font-size: 12px; line-height: 1.4;
  color: var(--body-text-color-subdued); }
.mm-words { font-size: 18px; line-height: 1.5; margin: 0; }
.mm-dialogue { display: flex; flex-direction: column; gap: 8px; margin: 0;
  padding: 0; list-style: none; }
.mm-dialogue li { padding: 8px 12px; border-radius: 10px; max-width: 85%;
  margin: 0; font-size: 15px; line-height: 1.45; overflow-wrap: anywhere; }
.mm-question { align-self: flex-end; background: #e3edf8; color: #16324f; }
.mm-answer { align-self: flex-start; color: var(--body-text-color);
  border: 1px solid var(--border-color-primary); min-height: 22px; }
.mm-part { font-size: 12px; border: 1px solid #9db8d3; border-radius: 6px;
  padding: 1px 6px; }
"""
