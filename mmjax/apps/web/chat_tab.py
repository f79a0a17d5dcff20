"""The tab for dialogues: answers are shown while they are written."""

from mmjax.apps.web.buttons import Buttons, telling_on
from mmjax.apps.web.parts import inputs


def chat_tab(buttons: Buttons) -> None:
  """Builds it."""
  import gradio as gr

  tasks, limits = buttons.tasks, buttons.limits
  names = tasks.modalities('chat')
  dialogue = gr.State(None)
  with gr.Row():
    with gr.Column(scale=2, min_width=280):
      given = inputs(names, limits)
      button = gr.Button('Ask', variant='primary')
      again = gr.Button('Begin again')
    with gr.Column(scale=3, min_width=320):
      problem = gr.HTML(elem_id='mm-chat-problem', padding=False)
      shown = gr.HTML(elem_id='mm-chat-dialogue')
      left_out = gr.HTML(elem_id='mm-chat-left-out', padding=False)

  outputs = [problem, dialogue, shown, left_out]
  ask = telling_on(buttons.chat, before=3)
  cells = list(given.values())
  for trigger in (button.click, given['text'].submit):
    asked = trigger(
      ask,
      [dialogue, *cells],
      outputs,
      api_visibility='private',
      concurrency_limit=1,
      concurrency_id='model',
    )
    # What was asked need not be removed by hand; what failed can be mended.
    asked.success(
      lambda problem, *cells: [*cells] if problem else [None] * len(cells),
      [problem, *cells],
      cells,
      api_visibility='private',
    )
  again.click(
    lambda: ['', None, '', ''], None, outputs, api_visibility='private'
  )
