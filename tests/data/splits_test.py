import hashlib

from mmjax.data.splits import is_in, split_of

NAMES = [f'name {i}' for i in range(2000)]


def _md5(text):
  return int(hashlib.md5(text.encode()).hexdigest(), 16)


def test_a_fifth_is_test_and_a_seventh_of_the_others_validation():
  splits = {name: split_of(name) for name in NAMES}
  for name, split in splits.items():
    assert (split == 'test') == (_md5(name) % 5 == 0)
  counts = [list(splits.values()).count(s) for s in ('test', 'validation')]
  assert abs(counts[0] - 2000 / 5) < 60
  assert abs(counts[1] - 2000 * 4 / 5 / 7) < 50


def test_training_may_take_validation_too_but_never_test():
  for name in NAMES:
    own = split_of(name)
    for split in ('train', 'validation', 'test'):
      assert is_in(split, name, train_on='train') == (split == own)
    both = is_in('train', name, train_on='train_and_validation')
    assert both == (own != 'test')
    assert is_in('test', name, train_on='train_and_validation') != both
