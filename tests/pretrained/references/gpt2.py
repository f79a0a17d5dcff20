import transformers as hf

from tests.pretrained.references.case import Case, plain, randomize, texts


def language(model, config, seed, name):
  """A causal model with a batch that is padded on the right.

  Logits are those of the tokens, or of the text for a classifier.
  """
  ids, mask, input_ids, attention_mask = texts(
    seed, vocabulary=config.vocab_size, pad=0
  )
  return Case(
    randomize(model(config), seed),
    {'text': ids, 'mask': {'text': mask}},
    {'input_ids': input_ids, 'attention_mask': attention_mask},
    plain(name),
    {} if 'Classification' in model.__name__ else {name: mask},
  )


SIZES = (
  {'n_embd': 24, 'n_head': 3, 'n_inner': 37, 'num_labels': 4},
  {
    'n_embd': 35,
    'n_head': 5,
    'activation_function': 'relu',
    'tie_word_embeddings': False,
    'num_labels': 3,
  },
)


def _case(model, i, name):
  config = hf.GPT2Config(
    **SIZES[i],
    vocab_size=99,
    n_layer=2,
    n_positions=20,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
  )
  return language(model, config, i, name)


CASES = {
  'gpt2': lambda i: _case(hf.GPT2Model, i, 'last_hidden_state'),
  'gpt2_classifier': lambda i: _case(
    hf.GPT2ForSequenceClassification, i, 'logits'
  ),
  'gpt2_language': lambda i: _case(hf.GPT2LMHeadModel, i, 'logits'),
}
