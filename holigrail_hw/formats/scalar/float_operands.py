"""Floats that tell wrong adders apart: fractions of equal bits, exponents at every distance.

The classes are those of Schryer, "A Test of a Computer's Floating-Point Arithmetic Unit", 1981.
"""

from typing import Any

import numpy as np

__all__ = ["distant_floats", "plain_floats"]


def plain_floats(format: Any, rng: np.random.Generator, codes: np.ndarray) -> np.ndarray:
    """Codes with the sign and exponent of ``codes`` and a fraction of one run of ones.

    The run is at either end. Most are powers of two, and some of those subnormal ones, whose
    significand has all its leading zeros.
    """
    width, count = format.fraction_width, len(codes)
    ones = (1 << width) - 1
    low = (1 << rng.integers(0, width, count, endpoint=True).astype(object)) - 1
    upper = (codes >> width) << width
    subnormal = (codes & format.sign_code) | (low + 1 & ones)
    kinds = [upper, upper, upper | low, upper | (low ^ ones), subnormal]
    return np.choose(rng.integers(0, len(kinds), count), kinds)


def distant_floats(format: Any, rng: np.random.Generator, centre: np.ndarray) -> list[np.ndarray]:
    """Codes a power of two away, and, twice as likely, plain ones whole exponents away.

    They reach up to where one operand only makes the other inexact, with either sign.
    """
    count, most = len(centre), format.significand_width + 3
    power = 1 << rng.integers(0, most, count).astype(object)
    power = centre + np.where(rng.random(count) < 0.5, power, -power)
    away = rng.integers(-most, most + 1, count).astype(object) << format.fraction_width
    flips = np.where(rng.random(count) < 0.5, format.sign_code, 0).astype(object)
    away = plain_floats(format, rng, centre + away ^ flips)
    return [power, away, away]
