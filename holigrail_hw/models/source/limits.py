"""Sizes that a model file may ask for: what is larger is refused before anything is allocated."""

from collections.abc import Sequence

from holigrail_hw.models.errors import ModelError

__all__ = ["LARGEST_TENSOR", "bounded"]

LARGEST_TENSOR = 1 << 26


def bounded(shape: Sequence[int], who: str) -> tuple[int, ...]:
    """The shape as integers.

    Raises
    ------
    ModelError
        If a size is negative, or there are more than 2^26 elements.
    """
    elements = 1
    for size in shape:
        if size < 0:
            raise ModelError(f"{who}: sizes must not be negative, not {[*map(int, shape)]}")
        elements *= int(size)
    if elements > LARGEST_TENSOR:
        raise ModelError(
            f"{who}: a tensor must have at most 2^26 elements, not {[*map(int, shape)]}"
        )
    return tuple(int(size) for size in shape)
