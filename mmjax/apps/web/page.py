"""The page: a tab for each thing that the checkpoint can do."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from mmjax.apps.web import markup
from mmjax.apps.web.buttons import ORDER, Asked, Buttons, telling
from mmjax.apps.web.limits import Limits
from mmjax.apps.web.tasks import Tasks

_NAMES = {'image': 'Picture', 'text': 'Words', 'audio': 'Sound'}
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
      given = _inputs(names, limits)
      kind = gr.Dropdown(
        ['all', *tasks.kinds], value='all', label='Show', min_width=80
      )
      button = gr.Button('Search', variant='primary')
    with gr.Column(scale=4, min_width=320):
      problem = gr.HTML(elem_id='mm-search-problem', padding=False)
      found = gr.HTML(elem_id='mm-search-found')

  _connect(
    buttons.search, button, [kind, *given.values()], [problem, found], given
  )


def _classify(buttons: Buttons) -> None:
  import gradio as gr

  tasks, limits = buttons.tasks, buttons.limits
  names, heads = tasks.modalities('classify'), tasks.heads
  with gr.Row():
    with gr.Column(scale=2, min_width=280):
      given = _inputs(names, limits)
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
  _connect(
    buttons.classify, button, asked, [problem, label, effects, drawn], given
  )


def _classes(buttons: Buttons) -> None:
  import gradio as gr

  tasks, limits = buttons.tasks, buttons.limits
  names = tasks.modalities('classes')
  with gr.Row():
    with gr.Column(scale=2, min_width=280):
      given = _inputs(names, limits)
      classes = _lines('Classes, one per line', 'a cat\na dog', limits)
      prompts = _lines('Prompts, with {} for the class', '{}', limits)
      button = gr.Button('Choose', variant='primary')
    with gr.Column(scale=3, min_width=320):
      problem = gr.HTML(elem_id='mm-classes-problem', padding=False)
      label = gr.Label(
        num_top_classes=10, label='Answer', elem_id='mm-classes-answer'
      )

  asked = [classes, prompts, *given.values()]
  _connect(buttons.classes, button, asked, [problem, label], given)


def _lines(label: str, example: str, limits: Limits) -> Any:
  """A box for several lines, in which a little too much can be sent."""
  import gradio as gr

  most = (limits.classes + 1) * (limits.class_characters + 2)
  return gr.Textbox(
    label=label, placeholder=example, lines=2, max_lines=12, max_length=most
  )


def _write(task: str, button_name: str, buttons: Buttons) -> None:
  import gradio as gr

  tasks, limits = buttons.tasks, buttons.limits
  names = tasks.modalities(task)
  with gr.Row():
    with gr.Column(scale=2, min_width=280):
      given = _inputs(names, limits)
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
  _connect(ask, button, asked, [problem, written], given)


_TABS: dict[str, Callable[[Buttons], None]] = {
  'search': _search,
  'classify': _classify,
  'classes': _classes,
  'transcribe': functools.partial(_write, 'transcribe', 'Transcribe'),
  'caption': functools.partial(_write, 'caption', 'Caption'),
}


def _inputs(names: Sequence[str], limits: Limits) -> dict[str, Any]:
  """A component for each modality, in the order of people."""
  return {name: _input(name, limits) for name in ORDER if name in names}


def _input(name: str, limits: Limits) -> Any:
  import gradio as gr

  if name == 'text':
    # One character more can be sent, so that too long a text is told of.
    return gr.Textbox(
      label=_NAMES[name], lines=1, max_lines=4, max_length=limits.characters + 1
    )
  if name == 'image':
    sources: list[Any] = ['upload', 'clipboard']
    return _unread(
      gr.Image(
        label=_NAMES[name],
        type='filepath',
        sources=sources,
        height=220,
        buttons=[],
      )
    )
  return _unread(
    gr.Audio(
      label=_NAMES[name],
      type='filepath',
      sources=['upload', 'microphone'],
      buttons=[],
      elem_classes='mm-audio',
    )
  )


def _unread(component: Any) -> Any:
  """The component, which hands an upload over as it came.

  Gradio would decode it, with fewer questions than mmjax asks, and would fetch
  an address. (A subclass would make Gradio write files beside this one.)
  """
  import gradio as gr

  keep = component.async_move_resource_to_block_cache

  async def only_files(path: Any) -> Any:
    if path is not None and '://' in str(path):
      raise gr.Error('This is no upload.', print_exception=False)
    return await keep(path)

  component.async_move_resource_to_block_cache = only_files
  component.preprocess = lambda payload: payload and payload.path
  return component


def _connect(
  ask: Asked,
  button: Any,
  inputs: list[Any],
  outputs: list[Any],
  given: dict[str, Any],
) -> None:
  """Asks when the button is pressed, or Enter in the text.

  The first output is for what goes wrong; then the others are empty.
  """
  run = telling(ask, outputs=len(outputs) - 1)
  triggers = [button.click]
  if 'text' in given:
    triggers.append(given['text'].submit)
  for trigger in triggers:
    trigger(
      run,
      inputs,
      outputs,
      api_visibility='private',
      concurrency_limit=1,
      concurrency_id='model',  # one question at a time for all of them
    )
