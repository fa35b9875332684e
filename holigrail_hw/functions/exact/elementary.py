"""Exponential, logarithm, normal integral, sine and cosine of balls.

Arguments are reduced, series summed until their terms vanish, and what is left out of a series is
added to the radius.
"""

from math import isqrt
from typing import Any

import numpy as np

from .balls import Ball, log_of_two, pi

__all__ = ["exponential", "logarithm", "normal_integral", "sine_and_cosine"]

_HALVINGS = 8


def exponential(x: Ball) -> Ball:
    """e^x; x = k ln 2 + r, and e^r by its series at r / 2^8, squared eight times."""
    two = log_of_two(x.bits)
    power = (x.middle + (two.middle >> 1)) // two.middle
    largest = int(abs(power).max(initial=0))
    rest = Ball(x.middle - power * two.middle, x.radius + largest * two.radius, x.bits)
    y = rest.halved(_HALVINGS)
    # |y| < 2^-9, so that so many terms leave less than one unit.
    terms = x.bits // 9 + 2
    one = Ball(np.full(x.middle.shape, 1 << x.bits, object), 0, x.bits)
    total = one
    for n in range(terms, 0, -1):
        total = one + (y * total) // n
    total = Ball(total.middle, total.radius + 1, x.bits)
    for _ in range(_HALVINGS):
        total = total * total
    up, down = np.maximum(power, 0), np.maximum(-power, 0)
    radius = (total.radius << max(int(up.max(initial=0)), 0)) + 1
    return Ball((total.middle << up) >> down, radius, x.bits)


def logarithm(numerators: Any, place: int, bits: int) -> Ball:
    """ln of positive integers times 2^place: m 2^k with m from 3/4 to 3/2, ln m by 2 artanh."""
    lengths = np.array([int(n).bit_length() for n in numerators], object)
    m = np.array(
        [int(n) << bits >> int(k) for n, k in zip(numerators, lengths, strict=True)], object
    )
    below = 4 * m < 3 << bits
    m, lengths = np.where(below, 2 * m, m), np.where(below, lengths - 1, lengths)
    # The floor above, doubled.
    whole = Ball(m, 2, bits)
    z = (whole - 1).over(whole + 1)
    square, power = z * z, z
    total, n = z, 3
    # |z| <= 1/5, so that what is left out is below 5^-n.
    while 9 * n < 4 * (bits + 4):
        power = power * square
        total, n = total + power // n, n + 2
    total = Ball(2 * total.middle, 2 * (total.radius + 2), bits)
    power_of_two = lengths + place
    two = log_of_two(bits)
    largest = int(abs(power_of_two).max(initial=0))
    return Ball(total.middle + power_of_two * two.middle, total.radius + largest * two.radius, bits)


def normal_integral(x: Ball, doubled: bool) -> Ball:
    """Integral from 0 to |x|: of the normal density, or erf(|x|) if ``doubled``.

    With h = x^2/2, or x^2, both are |x| times the sum of (-h)^n / (n! (2n + 1)), times 1/sqrt(2 pi)
    or 2/sqrt(pi). Large arguments need more terms, so those between two integers are done together.
    """
    magnitudes, places = np.unique(abs(x.middle), return_inverse=True)
    whole = (magnitudes >> x.bits).astype(np.int64)
    parts = [magnitudes[whole == top] for top in np.unique(whole)]
    found = [_integral_series(Ball(part, x.radius, x.bits), doubled) for part in parts]
    middle = np.concatenate([one.middle for one in found])[places.reshape(-1)]
    return Ball(middle, max(one.radius for one in found), x.bits)


def _integral_series(x: Ball, doubled: bool) -> Ball:
    """The alternating series; its terms grow to e^h, so they get so many more bits."""
    top = (x.largest + x.radius >> x.bits) + 1
    bits = x.bits + 3 * top * top // 2 + 8
    a = Ball(abs(x.middle) << (bits - x.bits), (x.radius + 1) << (bits - x.bits), bits)
    h = a * a if doubled else (a * a).halved(1)
    power, total, n = a, a, 0
    while n < 2 * top * top or power.largest + power.radius > 64:
        n += 1
        power = -((power * h) // n)
        total = total + power // (2 * n + 1)
    total = Ball(total.middle, total.radius + power.largest + power.radius + 1, bits)
    p = pi(bits) if doubled else pi(bits) * 2
    # The radius of a square root is at most half of that of a number above 1, and its floor one.
    root = Ball(np.array([isqrt(int(p.middle[0]) << bits)], object), p.radius + 2, bits)
    found = total.over(root)
    found = found * 2 if doubled else found
    return Ball(found.middle >> (bits - x.bits), (found.radius >> (bits - x.bits)) + 2, x.bits)


def sine_and_cosine(x: Ball) -> tuple[Ball, Ball]:
    """sin x and cos x: x = k pi/2 + r, both series at r, and the quarter turn of k."""
    quarter = pi(x.bits).halved(1)
    turns = (x.middle + (quarter.middle >> 1)) // quarter.middle
    largest = int(abs(turns).max(initial=0))
    r = Ball(x.middle - turns * quarter.middle, x.radius + largest * quarter.radius, x.bits)
    square = r * r
    one = Ball(np.full(x.middle.shape, 1 << x.bits, object), 0, x.bits)
    sine, cosine = r, one
    odd, even, n = r, one, 1
    while odd.largest + even.largest > 4 + odd.radius + even.radius:
        even = -((even * square) // ((2 * n - 1) * (2 * n)))
        odd = -((odd * square) // ((2 * n) * (2 * n + 1)))
        sine, cosine, n = sine + odd, cosine + even, n + 1
    # Terms shrink by more than half, so the rest is below the last one.
    sine = Ball(sine.middle, sine.radius + 2 * (odd.largest + odd.radius) + 2, x.bits)
    cosine = Ball(cosine.middle, cosine.radius + 2 * (even.largest + even.radius) + 2, x.bits)
    turn = turns % 4
    s, c = sine.middle, cosine.middle
    radius = max(sine.radius, cosine.radius)
    return (
        Ball(_chosen(turn, (s, c, -s, -c)), radius, x.bits),
        Ball(_chosen(turn, (c, -s, -c, s)), radius, x.bits),
    )


def _chosen(turn: Any, values: tuple[Any, ...]) -> Any:
    found = values[3]
    for index in range(3):
        found = np.where(turn == index, values[index], found)
    return found
