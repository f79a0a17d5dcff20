from mmjax.pretrained.images import ImageProcessor


def test_a_share_is_cropped_from_what_is_small():
  default = ImageProcessor(size=256, crop=(224, 224))
  small = default.read({'size': 224, 'crop_pct': 0.875})
  assert (small.size, small.crop) == (256, (224, 224))
  large = default.read({'size': {'shortest_edge': 384}, 'crop_pct': 0.875})
  assert (large.size, large.crop) == ((384, 384), None)


def test_a_bare_number_means_what_the_default_is():
  square = ImageProcessor(size=(256, 256), crop=(224, 224))
  assert square.read({'size': 240}).size == (240, 240)
  assert square.read({'size': {'shortest_edge': 240}}).size == 240
  assert ImageProcessor(size=256).read({'size': 240}).size == 240
