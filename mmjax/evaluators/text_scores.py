"""How near texts are to what they should be: the field's own scores."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import jiwer
import numpy as np
import sacrebleu
from rouge_score import rouge_scorer

TextScore = Callable[[Sequence[str], Sequence[str]], Mapping[str, float]]
"""`(found, right) -> named numbers`; there is at least one text."""


def word_errors(found: Sequence[str], right: Sequence[str]) -> dict[str, float]:
  """`wer` and `cer`: edits over the number of words, and of characters.

  Texts that should be empty are left out; NaN where no other is left. Computed
  by jiwer (https://github.com/jitsi/jiwer).
  """
  pairs = [(f, r) for f, r in zip(found, right, strict=True) if r.split()]
  if not pairs:
    return {'wer': float('nan'), 'cer': float('nan')}
  texts, truth = map(list, zip(*pairs, strict=True))
  return {
    'wer': float(jiwer.wer(truth, texts)),
    'cer': float(jiwer.cer(truth, texts)),
  }


def translation(found: Sequence[str], right: Sequence[str]) -> dict[str, float]:
  """`bleu` and `chrf` of all texts together, 0 to 100.

  Computed by sacreBLEU, as it does by default
  (https://aclanthology.org/W18-6319, https://aclanthology.org/W15-3049).
  """
  return {
    'bleu': sacrebleu.corpus_bleu(list(found), [list(right)]).score,
    'chrf': sacrebleu.corpus_chrf(list(found), [list(right)]).score,
  }


def rouge(found: Sequence[str], right: Sequence[str]) -> dict[str, float]:
  """`rouge1`, `rouge2` and `rougeL`: means of the F-measures, with stemming.

  Computed by rouge-score (https://aclanthology.org/W04-1013).
  """
  names = ['rouge1', 'rouge2', 'rougeL']
  scorer = rouge_scorer.RougeScorer(names, use_stemmer=True)
  rows = [scorer.score(r, f) for f, r in zip(found, right, strict=True)]
  return {
    name: float(np.mean([row[name].fmeasure for row in rows])) for name in names
  }


def answers(found: Sequence[str], right: Sequence[str]) -> dict[str, float]:
  """`exact_match` and `f1` of the words that both have, means over the texts.

  Case and space do not count: after SQuAD (https://arxiv.org/abs/1606.05250).
  """
  rows = [
    (f.casefold().split(), r.casefold().split())
    for f, r in zip(found, right, strict=True)
  ]
  return {
    'exact_match': float(np.mean([f == r for f, r in rows])),
    'f1': float(np.mean([_f1(f, r) for f, r in rows])),
  }


def _f1(found: Sequence[str], right: Sequence[str]) -> float:
  both = (Counter(found) & Counter(right)).total()
  if not found or not right:
    return float(found == right)
  return 2 * both / (len(found) + len(right))
