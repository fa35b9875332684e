"""Arithmetic on balls: arrays of integers over 2^bits, and how far the true numbers may be off.

The true number of an entry lies within ``radius`` units of 2^-bits around ``middle``. Every
operation adds what its own floor and the radii of its operands can do, so a radius is a proof and
not an estimate (midpoint-radius arithmetic; van der Hoeven, "Ball arithmetic", 2009). Integers are
Python's, of any size.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

__all__ = ["Ball", "ball", "log_of_two", "pi"]


@dataclass(frozen=True, eq=False)
class Ball:
    """``middle``: object array of integers; ``radius`` holds for all of them."""

    middle: Any
    radius: int
    bits: int

    def __add__(self, other: "Ball | int") -> "Ball":
        if isinstance(other, int):
            return Ball(self.middle + (other << self.bits), self.radius, self.bits)
        return Ball(self.middle + other.middle, self.radius + other.radius, self.bits)

    def __neg__(self) -> "Ball":
        return Ball(-self.middle, self.radius, self.bits)

    def __sub__(self, other: "Ball | int") -> "Ball":
        return self + -other

    def __mul__(self, other: "Ball | int") -> "Ball":
        if isinstance(other, int):
            return Ball(self.middle * other, self.radius * abs(other), self.bits)
        off = self.largest * other.radius + (other.largest + other.radius) * self.radius
        radius = (off >> self.bits) + 2
        return Ball((self.middle * other.middle) >> self.bits, radius, self.bits)

    def __floordiv__(self, divisor: int) -> "Ball":
        """Divided by a positive integer."""
        return Ball(self.middle // divisor, self.radius // divisor + 2, self.bits)

    def over(self, other: "Ball") -> "Ball":
        """Divided by numbers that are all at least one half."""
        low = int(other.middle.min()) - other.radius
        if 2 * low < 1 << self.bits:
            raise ArithmeticError("a divisor must be at least one half")
        quotient = (self.middle << self.bits) // other.middle
        largest = int(abs(quotient).max(initial=0)) + 1
        # |x/y - X/Y| <= (|x - X| + |X/Y| |y - Y|) / |y|, and 1/|y| is at most 2.
        return Ball(
            quotient, 2 * self.radius + ((2 * largest * other.radius) >> self.bits) + 3, self.bits
        )

    def halved(self, times: int) -> "Ball":
        """Divided by 2^times."""
        return Ball(self.middle >> times, (self.radius >> times) + 2, self.bits)

    @property
    def largest(self) -> int:
        """The greatest magnitude of a middle."""
        return int(abs(self.middle).max(initial=0))


def ball(numerators: Any, place: int, bits: int) -> Ball:
    """Integers times 2^place; exact where ``bits`` reach that far."""
    shift = place + bits
    if shift >= 0:
        return Ball(numerators << shift, 0, bits)
    return Ball(numerators >> -shift, 1, bits)


def _whole(number: int, radius: int, bits: int) -> Ball:
    return Ball(np.array([number], object), radius, bits)


@cache
def log_of_two(bits: int) -> Ball:
    """ln 2 = sum of 1 / (n 2^n)."""
    total, count = 0, bits + 8
    for n in range(1, count + 1):
        total += (1 << bits) // (n << n) if n < bits else 0
    return _whole(total, count + 2, bits)


@cache
def pi(bits: int) -> Ball:
    """Pi by Machin's formula (1706): 16 arctan(1/5) - 4 arctan(1/239)."""
    total, terms = 0, 0
    for factor, inverse in ((16, 5), (-4, 239)):
        power, n, sign = (1 << bits) * factor // inverse, 1, 1
        while abs(power) > 1:
            total += sign * (power // n)
            power, n, sign, terms = power // inverse**2, n + 2, -sign, terms + 1
    return _whole(total, 3 * terms + 8, bits)
