"""Operands that tell sums of floats apart: where uniform codes hardly ever come.

A wrong adder mostly shows where operands cancel, where one lies just beyond the other's last place,
or where a carry runs through the whole significand (the classes of Schryer, "A Test of a Computer's
Floating-Point Arithmetic Unit", 1981: significands that are runs of equal bits, exponents at every
distance).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from holigrail_hw.formats import Format

__all__ = ["mostly_near", "mostly_plain"]


def mostly_plain(
    rng: np.random.Generator, formats: Mapping[str, Format], codes: Mapping[str, Any]
) -> dict[str, Any]:
    """Half of the rows replaced, in random places, by plain numbers (``plain_codes``)."""
    count = len(next(iter(codes.values())))
    rows, changed = rng.random(count) < 0.5, dict(codes)
    for name, format in formats.items():
        plain = format.plain_codes(rng, codes[name].astype(object))
        if plain is not None:
            plain = plain.astype(codes[name].dtype)
            changed[name] = np.where(rows, plain, codes[name])
    return changed


def mostly_near(rng: np.random.Generator, format: Format, codes: Any, centre: Any) -> Any:
    """Most of ``codes``, in random places, replaced by codes placed about ``centre``.

    Three of four are at most two codes away. Where the format knows what else tells
    (``distant_codes``), it is two of them, beside one for each of its proposals.
    """
    count, width = len(codes), format.width
    small = centre.astype(object) + rng.integers(-2, 3, count).astype(object)
    distant = format.distant_codes(rng, centre.astype(object)) or [small]
    kinds = [small, small, *distant, codes.astype(object)]
    chosen = np.choose(rng.integers(0, len(kinds), count), kinds)
    return (chosen & ((1 << width) - 1)).astype(codes.dtype)
