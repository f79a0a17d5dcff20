import transformers as hf

from tests.pretrained.references.gpt2 import language

ODD = {
  'hidden_size': 24,
  'num_attention_heads': 6,
  'num_key_value_heads': 2,
  'intermediate_size': 37,
}
ODDER = {
  'hidden_size': 30,
  'num_attention_heads': 3,
  'num_key_value_heads': 1,
  'intermediate_size': 41,
  'tie_word_embeddings': True,
}
LLAMA = (
  {
    **ODD,
    'rope_parameters': {
      'rope_type': 'llama3',
      'rope_theta': 500.0,
      'factor': 4.0,
      'low_freq_factor': 1.0,
      'high_freq_factor': 4.0,
      'original_max_position_embeddings': 16,
    },
  },
  {**ODDER, 'head_dim': 6, 'attention_bias': True, 'mlp_bias': True},
)
MISTRAL = (
  {**ODD, 'head_dim': 10, 'sliding_window': 5},
  {**ODDER, 'sliding_window': None, 'hidden_act': 'gelu'},
)
QWEN2 = (
  {**ODD, 'rope_parameters': {'rope_type': 'default', 'rope_theta': 1e6}},
  {**ODDER, 'rms_norm_eps': 1e-3},
)


def _case(family, sizes, kind, i, name):
  config = getattr(hf, f'{family}Config')(
    **sizes[i],
    vocab_size=99,
    num_hidden_layers=2,
    max_position_embeddings=64,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
    num_labels=4,
  )
  return language(getattr(hf, f'{family}{kind}'), config, i, name)


def _pair(family, sizes):
  name = family.lower()
  return {
    name: lambda i: _case(family, sizes, 'Model', i, 'last_hidden_state'),
    f'{name}_classifier': lambda i: _case(
      family, sizes, 'ForSequenceClassification', i, 'logits'
    ),
    f'{name}_language': lambda i: _case(
      family, sizes, 'ForCausalLM', i, 'logits'
    ),
  }


CASES = (
  _pair('Llama', LLAMA) | _pair('Mistral', MISTRAL) | _pair('Qwen2', QWEN2)
)
