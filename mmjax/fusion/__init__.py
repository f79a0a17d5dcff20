"""From each modality's tokens to common ones: `dict[str, Tokens] -> Tokens`."""

from mmjax.fusion.concat import Concat
from mmjax.fusion.concat_dense import ConcatDense
from mmjax.fusion.cross_attention import CrossAttention
from mmjax.fusion.vote import vote

__all__ = ['Concat', 'ConcatDense', 'CrossAttention', 'vote']
