"""A small folder of stamps, made up for tests."""

from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

NAMES = [f'{c}/things/{c}{i}' for c in ('animals', 'food') for i in range(12)]
SVG = (
  '<svg xmlns="http://www.w3.org/2000/svg" width="8pt" height="8pt">'
  '<rect width="8pt" height="8pt" fill="red"/></svg>'
)


def make_stamp(root: Path, name: str, number: int):
  """Line 1, French, Catalan and Greek; speech in some; one in three is SVG."""
  file = root / name
  file.parent.mkdir(parents=True, exist_ok=True)
  texts = [
    f'Thing {number}.',
    'fr.utf8=Une chose.',
    f'ca.utf8=Cosa {number}. Què = això?',
    f'el.utf8=Πράγμα {number}.',
    'de.utf8=',
  ]
  file.with_suffix('.txt').write_text('\n'.join(texts), encoding='utf-8')
  if number % 3 == 0:
    file.with_suffix('.svg').write_text(SVG)
  else:
    color = (number, 20, 30, 255)
    Image.new('RGBA', (20, 10), color).save(file.with_suffix('.png'))
  languages = ['', '_fr', '_ca', '_el', '_ru'] if number % 4 else []
  for i, language in enumerate(languages):
    clip = np.full((4410, 2), 0.01 * (i + 1))  # a tenth of a second
    soundfile.write(f'{file}_desc{language}.ogg', clip, 44_100)


def make_folder(root: Path) -> Path:
  for number, name in enumerate(NAMES):
    make_stamp(root, name, number)
  (root / 'README.txt').write_text('No stamp.')
  (root / NAMES[0]).with_suffix('.dat').write_text('noflip')
  (root / f'{NAMES[1]}_mirror.png').write_bytes(b'never read')
  return root
