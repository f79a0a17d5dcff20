import transformers as hf

from tests.pretrained.references.case import Case, plain, randomize, texts


def language(model, config, seed, name):
  """A causal model with a batch that is padded on the right."""
  ids, mask, input_ids, attention_mask = texts(
    seed, vocabulary=config.vocab_size, pad=0
  )
  return Case(
    randomize(model(config), seed),
    {'text': ids, 'mask': {'text': mask}},
    {'input_ids': input_ids, 'attention_mask': attention_mask},
    plain(name),
    {name: mask},
  )


SIZES = (
  {'n_embd': 24, 'n_head': 3, 'n_inner': 37},
  {
    'n_embd': 35,
    'n_head': 5,
    'activation_function': 'relu',
    'tie_word_embeddings': False,
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
  )
  return language(model, config, i, name)


CASES = {
  'gpt2': lambda i: _case(hf.GPT2Model, i, 'last_hidden_state'),
  'gpt2_language': lambda i: _case(hf.GPT2LMHeadModel, i, 'logits'),
}
