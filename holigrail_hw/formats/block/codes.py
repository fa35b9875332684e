"""Codes of blocks taken apart into those of elements and scales, and put together."""

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["joined", "one_of", "split"]


def split(block: Any, codes: Any) -> tuple[np.ndarray, Any]:
    """Codes of the elements, on a further axis, and of the scales (None without a scale).

    Elements and scales have at most 32 bits: both are arrays of uint64.
    """
    wide, width = np.asarray(codes).astype(object), block.element.width
    mask = (1 << width) - 1
    elements = np.empty((*wide.shape, block.block_size), np.uint64)
    for index in range(block.block_size):
        elements[..., index] = (wide >> (index * width)) & mask
    if block.scale is None:
        return elements, None
    return elements, np.asarray(wide >> block.scale_place).astype(np.uint64)


def joined(block: Any, elements: np.ndarray, scale: Any) -> np.ndarray:
    """Codes of blocks; the last axis of ``elements`` is that of the block."""
    wide, width = elements.astype(object), block.element.width
    total: Any = np.zeros(wide.shape[:-1], object)
    for index in range(block.block_size):
        total = total + (wide[..., index] << (index * width))
    if block.scale is not None:
        total = total + (np.asarray(scale).astype(object) << block.scale_place)
    return np.asarray(total).astype(np.uint64 if block.width <= 64 else object)


def one_of(block: Any, elements: Sequence[int], scale: int | None) -> int:
    """The code of one block as a Python integer."""
    width = block.element.width
    total = sum(code << (index * width) for index, code in enumerate(elements))
    return total if scale is None else total + (scale << block.scale_place)
