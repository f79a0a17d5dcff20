"""Decision-level fusion: each modality decides alone, then they are counted."""

import math
from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mmjax.fusion.project import join, one_token
from mmjax.masking import full_precision, present, where_real
from mmjax.types import Tokens


class Average(nn.Module):
  """The mean of the probabilities: a linear opinion pool."""

  def __call__(
    self, log_probs: Float[Array, 'b m c'], mask: Bool[Array, 'b m']
  ) -> Float[Array, 'b c']:
    """Computes `log mean_m p(d | F_m)` over the modalities that are present."""
    count = jnp.maximum(mask.sum(axis=1), 1)[:, None]
    # Where nothing is present: one, so that the logarithm is finite.
    shown = jnp.where(mask[..., None], log_probs, -jnp.inf)
    shown = jnp.where(mask.any(axis=1)[:, None, None], shown, 0.0)
    return jax.nn.logsumexp(shown, axis=1) - jnp.log(count)


class ProductOfExperts(nn.Module):
  """`p(d)^(1 - M) prod_m p(d | F_m)`, normalised, over the M present.

  Bayes' rule, if the modalities are independent given the class; so the prior
  is counted once. Products of Experts
  (https://doi.org/10.1162/089976602760128018).
  """

  prior: tuple[float, ...] | None = None
  """p(d) of each class; equal for all if None."""

  def __post_init__(self):
    """Checks that the prior is a distribution."""
    prior = self.prior
    if prior is not None and (
      min(prior) <= 0 or not math.isclose(sum(prior), 1, abs_tol=1e-3)
    ):
      raise ValueError(f'prior {prior} is not positive with sum 1')
    super().__post_init__()

  def __call__(
    self, log_probs: Float[Array, 'b m c'], mask: Bool[Array, 'b m']
  ) -> Float[Array, 'b c']:
    """Computes the logarithm of the product; the prior where M is 0.

    Raises:
      ValueError: the prior has more or fewer classes than the decisions.
    """
    classes = log_probs.shape[-1]
    if self.prior is not None and len(self.prior) != classes:
      raise ValueError(
        f'prior has {len(self.prior)} classes, the decisions have {classes}'
      )
    prior = jnp.log(jnp.asarray(self.prior or (1 / classes,) * classes))[None]
    count = mask.sum(axis=1)[:, None]
    total = where_real(log_probs, mask).sum(axis=1) + (1 - count) * prior
    return jax.nn.log_softmax(total)


class LearnedVote(nn.Module):
  """A learned weight for each modality and class, the same in all examples."""

  @nn.compact
  def __call__(
    self, log_probs: Float[Array, 'b m c'], mask: Bool[Array, 'b m']
  ) -> Float[Array, 'b c']:
    """Computes `log_softmax_d(sum_m w_md log p(d | F_m))` over the present."""
    shape = log_probs.shape[1:]
    weights = self.param('weights', nn.initializers.ones, shape)
    votes = where_real(log_probs * weights[None], mask)
    return jax.nn.log_softmax(votes.sum(axis=1))


class Decision(nn.Module):
  """A head for each modality, and a rule for what they say together.

  Its tokens are not features but log-probabilities of the classes: read them
  with `models.heads.Decided`.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from mmjax.layers.pooling import MeanPool
    >>> tokens = Tokens(jnp.zeros((2, 5, 16)), jnp.ones((2, 5), bool))
    >>> fusion = Decision(
    ...     pools={'image': MeanPool(), 'audio': MeanPool()}, classes=10)
    >>> fused, params = fusion.init_with_output(
    ...     jax.random.key(0), {'image': tokens, 'audio': tokens})
    >>> fused.x.shape
    (2, 3, 10)
  """

  pools: Mapping[str, nn.Module]
  """How each modality becomes one vector; names the modalities."""
  classes: int
  """Number of classes."""
  rule: nn.Module = Average()
  """`(log_probs [b m c], mask [b m]) -> [b c]`: Average, ProductOfExperts or
  LearnedVote."""
  hidden: int = 0
  """Width of a hidden layer in each head; 0 for none."""

  @nn.compact
  def __call__(
    self, tokens: Mapping[str, Tokens], *, train: bool = False
  ) -> Tokens:
    """Decides: the common decision first, then that of each modality."""
    del train
    said = jnp.stack([self._head(n, tokens[n]) for n in self.pools], axis=1)
    mask = jnp.stack([present(tokens[name].mask) for name in self.pools], 1)
    return join(one_token(self.rule(said, mask)), Tokens(said, mask))

  def _head(self, name: str, tokens: Tokens) -> Float[Array, 'b c']:
    x = nn.LayerNorm(name=f'{name}_norm')(self.pools[name](tokens))
    if self.hidden:
      x = jax.nn.gelu(nn.Dense(self.hidden, name=f'{name}_hidden')(x))
    x = nn.Dense(self.classes, name=f'{name}_logits')(x)
    return jax.nn.log_softmax(full_precision(x))
