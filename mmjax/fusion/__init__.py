"""From each modality's tokens to common ones: `dict[str, Tokens] -> Tokens`."""

from mmjax.fusion.concat import Concat
from mmjax.fusion.cross_attention import CrossAttention

__all__ = ['Concat', 'CrossAttention']
