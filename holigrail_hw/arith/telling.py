"""Operands that tell sums of floats apart: where uniform codes hardly ever come.

A wrong adder mostly shows where operands cancel, where one lies just beyond the other's last place,
or where a carry runs through the whole significand (the classes of Schryer, "A Test of a Computer's
Floating-Point Arithmetic Unit", 1981: significands that are runs of equal bits, exponents at every
distance).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from holigrail_hw.formats import FloatFormat, Format

__all__ = ["mostly_near", "mostly_plain"]


def mostly_plain(
    rng: np.random.Generator, formats: Mapping[str, Format], codes: Mapping[str, Any]
) -> dict[str, Any]:
    """Half of the rows replaced, in random places, by plain floats; other formats stay.

    A plain float has a fraction of one run of ones, from either end; most are powers of two, and
    some of those subnormal ones, whose significand has all its leading zeros.
    """
    count = len(next(iter(codes.values())))
    rows, changed = rng.random(count) < 0.5, dict(codes)
    for name, format in formats.items():
        if isinstance(format, FloatFormat) and format.fraction_width:
            plain = _plain(rng, format, codes[name]).astype(codes[name].dtype)
            changed[name] = np.where(rows, plain, codes[name])
    return changed


def _plain(rng: np.random.Generator, format: FloatFormat, codes: Any) -> Any:
    width, count = format.fraction_width, len(codes)
    ones = (1 << width) - 1
    low = (1 << rng.integers(0, width, count, endpoint=True).astype(object)) - 1
    upper = (codes.astype(object) >> width) << width
    subnormal = (codes.astype(object) & format.sign_code) | (low + 1 & ones)
    kinds = [upper, upper, upper | low, upper | (low ^ ones), subnormal]
    return np.choose(rng.integers(0, len(kinds), count), kinds)


def mostly_near(rng: np.random.Generator, format: Format, codes: Any, centre: Any) -> Any:
    """Most of ``codes``, in random places, replaced by codes placed about ``centre``.

    Three of four are at most two codes away. For floats it is two of six; one is a power of two of
    codes away, two are whole exponents away, up to those where one operand only makes the other
    inexact, with a plain fraction and either sign.
    """
    count, width = len(codes), format.width
    small = centre.astype(object) + rng.integers(-2, 3, count).astype(object)
    kinds = [small, small, small, codes.astype(object)]
    if isinstance(format, FloatFormat):
        most = format.significand_width + 3
        power = 1 << rng.integers(0, most, count).astype(object)
        power = centre.astype(object) + np.where(rng.random(count) < 0.5, power, -power)
        away = rng.integers(-most, most + 1, count).astype(object) << format.fraction_width
        flips = np.where(rng.random(count) < 0.5, format.sign_code, 0).astype(object)
        away = _plain(rng, format, centre.astype(object) + away ^ flips)
        kinds = [small, small, power, away, away, codes.astype(object)]
    chosen = np.choose(rng.integers(0, len(kinds), count), kinds)
    return (chosen & ((1 << width) - 1)).astype(codes.dtype)
