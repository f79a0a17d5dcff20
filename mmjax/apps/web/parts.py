"""What the tabs of the page are made of: inputs, and how buttons ask."""

from collections.abc import Sequence
from typing import Any

from mmjax.apps.web.buttons import ORDER, Asked, telling
from mmjax.apps.web.limits import Limits

_NAMES = {'image': 'Picture', 'text': 'Words', 'audio': 'Sound'}


def inputs(names: Sequence[str], limits: Limits) -> dict[str, Any]:
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


def lines(label: str, example: str, limits: Limits) -> Any:
  """A box for several lines, in which a little too much can be sent."""
  import gradio as gr

  most = (limits.classes + 1) * (limits.class_characters + 2)
  return gr.Textbox(
    label=label, placeholder=example, lines=2, max_lines=12, max_length=most
  )


def connect(
  ask: Asked,
  button: Any,
  asked: list[Any],
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
      asked,
      outputs,
      api_visibility='private',
      concurrency_limit=1,
      concurrency_id='model',  # one question at a time for all of them
    )
