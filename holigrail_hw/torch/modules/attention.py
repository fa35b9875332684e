"""Attention with several heads."""

from typing import Any

import torch
from torch import Tensor, nn

from ..functional import linear, products, softmax
from ..random import part_key
from .base import Layer

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Layer, nn.MultiheadAttention):
    """``torch.nn.MultiheadAttention``: all projections and products in the arithmetic.

    Queries are divided by the root of the head's width after their products with the keys; softmax
    is that of :class:`Softmax`. ``add_zero_attn``, ``bias_k`` and widths ``kdim`` and ``vdim`` that
    differ are refused.
    """

    def __init__(self, *given: Any, **options: Any):
        super().__init__(*given, **options)
        if wrong := unsupported(self):
            raise ValueError(f"MultiheadAttention: {'; '.join(wrong)}")

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        batched = query.dim() == 3
        given = [x if batched else x[None] for x in (query, key, value)]
        if batched and not self.batch_first:
            given = [x.transpose(0, 1) for x in given]
        mask = self._mask(given[0], key_padding_mask, attn_mask)
        heads = [self._heads(x, part) for part, x in enumerate(given)]
        result, weights = self._attend(heads, mask)
        size = (len(given[0]), self.num_heads, *result.shape[1:])
        result = result.reshape(size).transpose(1, 2).flatten(2)
        how, bias = self.arithmetic, self.out_proj.bias
        result = linear(result, self.out_proj.weight, bias, how, key=part_key(self.random_key, 5))
        weights = weights.reshape(size[0], size[1], *weights.shape[1:]) if need_weights else None
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            return result[0], None if weights is None else weights[0]
        return result if self.batch_first else result.transpose(0, 1), weights

    def _heads(self, x: Tensor, part: int) -> Tensor:
        """Queries (part 0), keys or values: (batch * heads, length, width)."""
        own = slice(part * self.embed_dim, (part + 1) * self.embed_dim)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[own]
        weight, key = self.in_proj_weight[own], part_key(self.random_key, part)
        found = linear(x, weight, bias, self.arithmetic, key=key)
        return found.unflatten(-1, (self.num_heads, -1)).transpose(1, 2).flatten(0, 1)

    def _attend(self, heads: list[Tensor], mask: Tensor | None) -> tuple[Tensor, Tensor]:
        how, key = self.arithmetic, self.random_key
        queries, keys, values = heads
        scores = products(queries, keys.mT, how, part_key(key, 3)) * self.head_dim**-0.5
        if mask is not None:
            scores = scores + mask.to(scores.dtype)
        weights = softmax(scores, how, -1, key=part_key(key, 8))
        dropped = nn.functional.dropout(weights, self.dropout, self.training)
        return products(dropped, values, how, part_key(key, 4)), weights

    def _mask(self, query: Tensor, padding: Tensor | None, mask: Tensor | None) -> Tensor | None:
        """What is added to scores, (batch * heads, queries, keys); None if nothing."""

        def as_float(given: Tensor) -> Tensor:
            if given.dtype != torch.bool:
                return given
            return torch.zeros_like(given, dtype=torch.float32).masked_fill(given, -torch.inf)

        found = None if mask is None else as_float(mask)
        if padding is not None:
            rows = padding if padding.dim() == 2 else padding[None]
            wide = as_float(rows)[:, None, None].expand(-1, self.num_heads, query.shape[1], -1)
            wide = wide.flatten(0, 1)
            found = wide if found is None else wide + found
        return found


def unsupported(module: nn.MultiheadAttention) -> list[str]:
    """What a module has that the layer has not."""
    wrong = []
    if module.add_zero_attn:
        wrong.append("add_zero_attn must be False")
    if module.bias_k is not None:
        wrong.append("add_bias_kv must be False")
    if not module._qkv_same_embed_dim:
        wrong.append("kdim and vdim must be embed_dim")
    return wrong
