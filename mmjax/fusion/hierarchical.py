"""Fusion by a given tree: some modalities first, then the rest."""

from collections.abc import Iterator, Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from mmjax.fusion.project import one_token, project
from mmjax.layers.transformer import Mlp
from mmjax.masking import present, where_real
from mmjax.types import Tokens


class Hierarchical(nn.Module):
  """Fuses two branches at a time, from the leaves of a tree to its root.

  A branch is a modality or two branches; `(('image', 'text'), 'audio')` fuses
  image with text and the result with audio. Two branches that are present are
  concatenated and go through an MLP; one that is alone is passed on.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from mmjax.layers.pooling import MeanPool
    >>> tokens = Tokens(jnp.zeros((2, 5, 16)), jnp.ones((2, 5), bool))
    >>> names = ('image', 'text', 'audio')
    >>> fusion = Hierarchical(
    ...     pools={name: MeanPool() for name in names},
    ...     tree=(('image', 'text'), 'audio'))
    >>> fused, params = fusion.init_with_output(
    ...     jax.random.key(0), {name: tokens for name in names})
    >>> fused.x.shape
    (2, 1, 256)
  """

  pools: Mapping[str, nn.Module]
  """How each modality becomes one vector; names the modalities."""
  tree: Any
  """Nested pairs of modalities, in which each stands once."""
  width: int = 256
  """Width that each modality is projected to, and of every branch."""
  mlp_ratio: float = 2.0
  """Hidden width of the MLPs, over the width."""
  dropout: float = 0.0
  """Probability of zeroing a hidden unit in training."""

  def __post_init__(self):
    """Checks that the tree holds each modality once."""
    leaves = sorted(_leaves(self.tree))
    if leaves != sorted(self.pools):
      raise ValueError(
        f'tree {self.tree} holds {leaves}, the modalities are '
        f'{sorted(self.pools)}'
      )
    super().__post_init__()

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Fuses to one token, always real; zeros where nothing is present."""

    def branch(tree):
      if isinstance(tree, str):
        mask = present(tokens[tree].mask)
        x = project(tree, self.pools[tree](tokens[tree]), self.width)
        return where_real(x, mask), mask
      (x, x_here), (y, y_here) = (branch(part) for part in tree)
      both = Mlp(
        int(self.width * self.mlp_ratio),
        out=self.width,
        dropout=self.dropout,
        name='+'.join(_leaves(tree)),
      )(jnp.concatenate([x, y], axis=-1), train=train)
      # What is absent is zero.
      fused = jnp.where((x_here & y_here)[:, None], both, x + y)
      return fused, x_here | y_here

    return one_token(branch(self.tree)[0])


def _leaves(tree: Any) -> Iterator[str]:
  if isinstance(tree, str):
    yield tree
    return
  if not isinstance(tree, tuple | list) or len(tree) != 2:
    raise ValueError(f'tree has {tree!r} where a modality or a pair belongs')
  for part in tree:
    yield from _leaves(part)
