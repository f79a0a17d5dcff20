"""The page: a tab for each thing that the checkpoint can do."""

import functools
from collections.abc import Callable
from typing import Any

from mmjax.apps.web import markup
from mmjax.apps.web.buttons import Buttons
from mmjax.apps.web.chat_tab import chat_tab
from mmjax.apps.web.limits import Limits
from mmjax.apps.web.parts import connect, inputs, lines
from mmjax.apps.web.tasks import Tasks

_SYSTEM = ('system-ui', '-apple-system', 'Segoe UI', 'sans-serif')


def make_page(tasks: Tasks, *, limits: Limits, title: str) -> Any:
  """Builds the page, a `gradio.Blocks` that is not launched yet.

  Args:
    tasks: what is asked.
    limits: what people may send.
    title: of the page.
  """
  import gradio as gr

  page = gr.Blocks(title=title, analytics_enabled=False)
  with page:
    gr.HTML(f'<h1 class="mm-head">{markup.escape(title)}</h1>')
    with gr.Tabs():
      for name, tab in _TABS.items():
        if tasks.modalities(name):
          with gr.Tab(name.capitalize(), elem_id=f'mm-{name}'):
            tab(Buttons(tasks, limits))
  page.queue(max_size=limits.waiting, default_concurrency_limit=1)
  return page


def look() -> dict[str, Any]:
  """Arguments of `launch` for colours and fonts, none from elsewhere."""
  from gradio import themes

  theme = themes.Default(
    primary_hue='blue',
    neutral_hue='slate',
    radius_size='md',
    font=_SYSTEM,
    font_mono=('ui-monospace', 'monospace'),
  )
  return {'theme': theme, 'css': markup.CSS, 'footer_links': []}


def _search(buttons: Buttons) -> None:
  import gradio as gr

  tasks, limits = buttons.tasks, buttons.limits
  names = tasks.modalities('search')
  with gr.Row():
    with gr.Column(scale=2, min_width=280):
      given = inputs(names, limits)
      kind = gr.Dropdown(
        ['all', *tasks.kinds], value='all', label='Show', min_width=80
      )
      button = gr.Button('Search', variant='primary')
    with gr.Column(scale=4, min_width=320):
      problem = gr.HTML(elem_id='mm-search-problem', padding=False)
      found = gr.HTML(elem_id='mm-search-found')

  connect(
    buttons.search, button, [kind, *given.values()], [problem, found], given
  )


def _classify(buttons: Buttons) -> None:
  import gradio as gr

  tasks, limits = buttons.tasks, buttons.limits
  names, heads = tasks.modalities('classify'), tasks.heads
  with gr.Row():
    with gr.Column(scale=2, min_width=280):
      given = inputs(names, limits)
      head = gr.Dropdown(
        heads, value=heads[0], label='Question', visible=len(heads) > 1
      )
      maps = gr.Checkbox(True, label='Draw where it mattered')
      button = gr.Button('Classify', variant='primary')
    with gr.Column(scale=3, min_width=320):
      problem = gr.HTML(elem_id='mm-classify-problem', padding=False)
      label = gr.Label(
        num_top_classes=5, label='Answer', elem_id='mm-classify-answer'
      )
      effects = gr.HTML(elem_id='mm-classify-effects')
      drawn = gr.HTML(elem_id='mm-classify-maps')

  asked = [head, maps, *given.values()]
  connect(
    buttons.classify, button, asked, [problem, label, effects, drawn], given
  )


def _classes(buttons: Buttons) -> None:
  import gradio as gr

  tasks, limits = buttons.tasks, buttons.limits
  names = tasks.modalities('classes')
  with gr.Row():
    with gr.Column(scale=2, min_width=280):
      given = inputs(names, limits)
      classes = lines('Classes, one per line', 'a cat\na dog', limits)
      prompts = lines('Prompts, with {} for the class', '{}', limits)
      button = gr.Button('Choose', variant='primary')
    with gr.Column(scale=3, min_width=320):
      problem = gr.HTML(elem_id='mm-classes-problem', padding=False)
      label = gr.Label(
        num_top_classes=10, label='Answer', elem_id='mm-classes-answer'
      )

  asked = [classes, prompts, *given.values()]
  connect(buttons.classes, button, asked, [problem, label], given)


def _write(task: str, button_name: str, buttons: Buttons) -> None:
  import gradio as gr

  tasks, limits = buttons.tasks, buttons.limits
  names = tasks.modalities(task)
  with gr.Row():
    with gr.Column(scale=2, min_width=280):
      given = inputs(names, limits)
      languages = tasks.languages
      language = gr.Dropdown(
        languages,
        value=languages[0] if languages else None,
        label='Language',
        visible=len(languages) > 1,
      )
      button = gr.Button(button_name, variant='primary')
    with gr.Column(scale=3, min_width=320):
      problem = gr.HTML(elem_id=f'mm-{task}-problem', padding=False)
      written = gr.HTML(elem_id=f'mm-{task}-written')

  ask = functools.partial(buttons.write, task)
  asked = [language, *given.values()]
  connect(ask, button, asked, [problem, written], given)


_TABS: dict[str, Callable[[Buttons], None]] = {
  'search': _search,
  'classify': _classify,
  'classes': _classes,
  'transcribe': functools.partial(_write, 'transcribe', 'Transcribe'),
  'caption': functools.partial(_write, 'caption', 'Caption'),
  'chat': chat_tab,
}
