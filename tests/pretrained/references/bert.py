import transformers as hf

from tests.pretrained.references.case import Case, plain, randomize, texts

SIZES = ((24, 3, 37), (20, 5, 33))
ACTIVATIONS = ('gelu', 'relu')
HIDDEN = ('last_hidden_state', 'pooler_output')


def _case(model, config, seed, *names):
  ids, mask, input_ids, attention_mask = texts(
    seed, vocabulary=config.vocab_size, pad=config.pad_token_id
  )
  return Case(
    randomize(model(config), seed),
    {'text': ids, 'mask': {'text': mask}},
    {'input_ids': input_ids, 'attention_mask': attention_mask},
    plain(*names),
    {'last_hidden_state': mask},
  )


def _bert(kind, i, *names, family='Bert'):
  width, heads, hidden = SIZES[i]
  config = getattr(hf, f'{family}Config')(
    vocab_size=99,
    hidden_size=width,
    num_attention_heads=heads,
    intermediate_size=hidden,
    hidden_act=ACTIVATIONS[i],
    num_hidden_layers=2,
    max_position_embeddings=20,
    num_labels=4,
  )
  return _case(getattr(hf, f'{family}{kind}'), config, i, *names)


def _distilbert(kind, i, *names):
  width, heads, hidden = SIZES[i]
  config = hf.DistilBertConfig(
    vocab_size=99,
    dim=width,
    n_heads=heads,
    hidden_dim=hidden,
    activation=ACTIVATIONS[i],
    n_layers=2,
    max_position_embeddings=20,
    num_labels=4,
  )
  return _case(getattr(hf, f'DistilBert{kind}'), config, i, *names)


CLASSIFIER = 'ForSequenceClassification'
CASES = {
  'bert': lambda i: _bert('Model', i, *HIDDEN),
  'bert_classifier': lambda i: _bert(CLASSIFIER, i, 'logits'),
  'roberta': lambda i: _bert('Model', i, *HIDDEN, family='Roberta'),
  'roberta_classifier': lambda i: _bert(
    CLASSIFIER, i, 'logits', family='Roberta'
  ),
  'distilbert': lambda i: _distilbert('Model', i, 'last_hidden_state'),
  'distilbert_classifier': lambda i: _distilbert(CLASSIFIER, i, 'logits'),
}
