import numpy as np

from mmjax.data import transforms


def test_erasing_covers_the_asked_share_in_the_asked_shape():
  erase = transforms.RandomErasing(
    rate=0.5, scale=(0.1, 0.2), ratio=(0.5, 2.0), fill='value', value=255
  )
  rng, image = np.random.default_rng(0), np.zeros((60, 80, 3), np.uint8)
  shares, ratios = [], []
  for _ in range(400):
    rows, columns = np.nonzero(erase(image, rng)[..., 0])
    if rows.size:
      h, w = np.ptp(rows) + 1, np.ptp(columns) + 1
      assert rows.size == h * w  # one rectangle
      shares.append(h * w / 4800)
      ratios.append(h / w)
  assert abs(len(shares) / 400 - 0.5) < 0.08
  np.testing.assert_allclose([min(shares), max(shares)], [0.1, 0.2], atol=0.01)
  assert 0.45 < min(ratios) < 0.55
  assert 1.9 < max(ratios) < 2.1
  assert not image.any()


def test_erasing_draws_noise_of_all_values():
  image = np.full((64, 64, 3), 7, np.uint8)
  new = transforms.RandomErasing(rate=1.0, scale=(0.4, 0.4))(
    image, np.random.default_rng(0)
  )
  noise = new[(new != 7).any(axis=-1)]
  assert abs(len(noise) / 4096 - 0.4) < 0.02
  assert abs(noise.mean() - 127.5) < 3
  assert abs(noise.std() - 73.9) < 3
