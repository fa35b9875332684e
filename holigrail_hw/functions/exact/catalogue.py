"""The functions known by name: how they are computed, where they are exact, what they cannot take.

Every function gives floor(f(x) 2^bits) for integers times 2^place, and whether that cut something
off. At rational arguments other than those that ``exact_at`` knows, e^x, ln x, sin x and what is
made of them are irrational (Lindemann, 1882; Gelfond and Schneider, 1934 for 2^x), so that a ball
that is small enough always decides the floor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isqrt, nan
from typing import Any

import numpy as np

from .balls import Ball, ball, log_of_two
from .elementary import exponential, logarithm, normal_integral, sine_and_cosine

__all__ = ["KNOWN", "MOST_EXPONENT", "Known"]

_MOST_GUARD = 1 << 14


@dataclass(frozen=True)
class Known:
    """A function by name.

    ``symmetry`` is ``odd`` (f(-x) = -f(x)), ``even``, ``complement`` (f(-x) = 1 - f(x)), ``relu``
    (f(x) = max(x, 0) minus an even function) or ``none``. ``limits`` are its values at minus and
    plus infinity. ``at`` gets numerators, their place, the bits of the ball, and how many of these
    are wanted in the end: where f is so near to a limit that they cannot tell, another argument may
    take the place of x. ``domain`` says which numerators have a value; ``poles`` which have the
    infinite one ``pole``, with the sign of x if it is positive.
    """

    formula: str
    symmetry: str
    limits: tuple[float, float]
    at: Callable[[Any, int, int, int], Ball] | None = None
    exactly: Callable[[int, int, int], tuple[int, bool]] | None = None
    exact_at: Callable[[Fraction], Fraction | None] = lambda x: None
    domain: Callable[[Any], Any] = lambda x: x == x
    poles: Callable[[Any], Any] = lambda x: x != x
    pole: float = inf
    keeps_zero_sign: bool = False

    def floors(self, x: Any, place: int, bits: int) -> tuple[Any, Any]:
        """floor(f(x 2^place) 2^bits) of integers in its domain, and whether it is below f."""
        floor = np.zeros(x.shape, object)
        inexact = np.ones(x.shape, bool)
        if self.exactly is not None:
            for index, number in enumerate(x.tolist()):
                floor[index], inexact[index] = self.exactly(number, place, bits)
            return floor, inexact
        known, unit = np.zeros(x.shape, bool), Fraction(2) ** place
        for index, number in enumerate(x.tolist()):
            value = self.exact_at(number * unit)
            if value is not None:
                scaled = value * Fraction(2) ** bits
                floor[index], inexact[index] = scaled.__floor__(), scaled.denominator > 1
                known[index] = True
        # Numbers of one size share one radius.
        sizes = np.array([max(number.bit_length() + place, 0) for number in x.tolist()])
        for size in np.unique(sizes[~known]):
            self._decide(x, place, bits, np.flatnonzero(~known & (sizes == size)), floor)
        return floor, inexact

    def _decide(self, x: Any, place: int, bits: int, open_ones: Any, floor: Any) -> None:
        """The floors of some of the numbers, by balls that are made smaller until they tell."""
        guard = 32
        assert self.at is not None
        while len(open_ones):
            found = self.at(x[open_ones], place, bits + guard, bits)
            low = (found.middle - found.radius) >> guard
            decided = low == (found.middle + found.radius) >> guard
            floor[open_ones[decided]] = low[decided]
            open_ones, guard = open_ones[~decided], 3 * guard
            if len(open_ones) and guard > _MOST_GUARD:
                raise ArithmeticError(f"{self.formula}: a value must not be this near to a border")


def _limited(x: Any, place: int, most: int) -> Any:
    """Magnitudes, at most about ``most``, as integers in units of 2^place."""
    return np.minimum(abs(x), (most << -place) if place < 0 else (most >> place) + 1)


def _logistic_tail(x: Any, place: int, bits: int, wanted: int) -> tuple[Ball, Ball]:
    """|x|, limited to where nothing is left, and 1 / (1 + e^|x|)."""
    a = ball(_limited(x, place, wanted + 8), place, bits)
    e = exponential(-a)
    return a, e.over(e + 1)


def _signed(x: Any, value: Ball) -> Ball:
    return Ball(np.where(x < 0, -value.middle, value.middle), value.radius, value.bits)


def _positive_part(x: Any, place: int, bits: int) -> Ball:
    return ball(np.where(x > 0, x, 0), place, bits)


def _sigmoid(x: Any, place: int, bits: int, wanted: int) -> Ball:
    _, tail = _logistic_tail(x, place, bits, wanted)
    return Ball(np.where(x < 0, tail.middle, (1 << bits) - tail.middle), tail.radius, bits)


def _tanh(x: Any, place: int, bits: int, wanted: int) -> Ball:
    e = exponential(ball(-2 * _limited(x, place, wanted + 8), place, bits))
    return _signed(x, (-e + 1).over(e + 1))


def _silu(x: Any, place: int, bits: int, wanted: int) -> Ball:
    a, tail = _logistic_tail(x, place, bits, wanted)
    return _positive_part(x, place, bits) - a * tail


def _gelu(x: Any, place: int, bits: int, wanted: int) -> Ball:
    a = ball(_limited(x, place, isqrt(7 * wanted // 5) + 4), place, bits)
    half = Ball(np.full(x.shape, 1 << (bits - 1), object), 0, bits)
    return _positive_part(x, place, bits) - a * (half - normal_integral(a, doubled=False))


def _erf(x: Any, place: int, bits: int, wanted: int) -> Ball:
    a = ball(_limited(x, place, isqrt(7 * wanted // 10) + 3), place, bits)
    return _signed(x, normal_integral(a, doubled=True))


def _softplus(x: Any, place: int, bits: int, wanted: int) -> Ball:
    e = exponential(ball(-_limited(x, place, wanted + 8), place, bits))
    one_more = e + 1
    log = logarithm(one_more.middle, -bits, bits)
    log = Ball(log.middle, log.radius + one_more.radius + 1, bits)
    return _positive_part(x, place, bits) + log


_LARGEST = 1 << 9
MOST_EXPONENT = _LARGEST
"""Results of formats whose numbers are below 2^this are right for every argument."""


def _within(x: Any, place: int, wanted: int) -> Any:
    """Arguments of exponentials, from where nothing is left to where no format reaches."""
    low, high = (wanted + 4, _LARGEST)
    if place >= 0:
        return np.clip(x, -(low >> place) - 1, (high >> place) + 1)
    return np.clip(x, -(low << -place), high << -place)


def _exp(x: Any, place: int, bits: int, wanted: int) -> Ball:
    return exponential(ball(_within(x, place, wanted), place, bits))


def _exp2(x: Any, place: int, bits: int, wanted: int) -> Ball:
    two = log_of_two(bits)
    return exponential(ball(_within(x, place, wanted), place, bits) * two)


def _log2(x: Any, place: int, bits: int, wanted: int) -> Ball:
    return logarithm(x, place, bits).over(log_of_two(bits))


def _at_zero(value: Fraction | int) -> Callable[[Fraction], Fraction | None]:
    return lambda x: Fraction(value) if x == 0 else None


def _power_of_two(x: Fraction) -> Fraction | None:
    if x.denominator > 1:
        return None
    return Fraction(2) ** max(-(1 << 14), min(int(x), _LARGEST))


def _log_of_power(x: Fraction) -> Fraction | None:
    is_power = x.numerator & (x.numerator - 1) == 0 and x.denominator & (x.denominator - 1) == 0
    return Fraction(x.numerator.bit_length() - x.denominator.bit_length()) if is_power else None


def _shifted(number: int, shift: int) -> tuple[int, bool]:
    """floor(number 2^shift), and whether anything was cut off."""
    if shift >= 0:
        return number << shift, False
    return number >> -shift, bool(number & ((1 << -shift) - 1))


def _reciprocal(x: int, place: int, bits: int) -> tuple[int, bool]:
    shift = bits - place
    quotient, rest = divmod(1 << max(shift, 0), x << max(-shift, 0))
    return quotient, rest != 0


def _square(x: int, place: int, bits: int) -> tuple[int, bool]:
    return _shifted(x * x, 2 * place + bits)


def _root(number: int, cut: bool) -> tuple[int, bool]:
    root = isqrt(number)
    return root, cut or root * root != number


def _sqrt(x: int, place: int, bits: int) -> tuple[int, bool]:
    return _root(*_shifted(x, place + 2 * bits))


def _rsqrt(x: int, place: int, bits: int) -> tuple[int, bool]:
    shift = 2 * bits - place
    quotient, rest = divmod(1 << max(shift, 0), x << max(-shift, 0))
    return _root(quotient, rest != 0)


KNOWN = {
    "sigmoid": Known(
        "1 / (1 + e^-x)", "complement", (0.0, 1.0), _sigmoid, exact_at=_at_zero(Fraction(1, 2))
    ),
    "tanh": Known("tanh x", "odd", (-1.0, 1.0), _tanh, exact_at=_at_zero(0), keeps_zero_sign=True),
    "exp": Known("e^x", "none", (0.0, inf), _exp, exact_at=_at_zero(1)),
    "exp2": Known("2^x", "none", (0.0, inf), _exp2, exact_at=_power_of_two),
    "log2": Known(
        "log2 x",
        "none",
        (nan, inf),
        _log2,
        exact_at=_log_of_power,
        domain=lambda x: x > 0,
        poles=lambda x: x == 0,
        pole=-inf,
    ),
    "gelu": Known(
        "x Phi(x)", "relu", (-0.0, inf), _gelu, exact_at=_at_zero(0), keeps_zero_sign=True
    ),
    "silu": Known(
        "x / (1 + e^-x)", "relu", (-0.0, inf), _silu, exact_at=_at_zero(0), keeps_zero_sign=True
    ),
    "softplus": Known("ln(1 + e^x)", "relu", (0.0, inf), _softplus),
    "erf": Known("erf x", "odd", (-1.0, 1.0), _erf, exact_at=_at_zero(0), keeps_zero_sign=True),
    "reciprocal": Known(
        "1 / x",
        "odd",
        (-0.0, 0.0),
        exactly=_reciprocal,
        domain=lambda x: x != 0,
        poles=lambda x: x == 0,
    ),
    "square": Known("x^2", "even", (inf, inf), exactly=_square),
    "sqrt": Known(
        "sqrt x", "none", (nan, inf), exactly=_sqrt, domain=lambda x: x >= 0, keeps_zero_sign=True
    ),
    "rsqrt": Known(
        "1 / sqrt x",
        "none",
        (nan, 0.0),
        exactly=_rsqrt,
        domain=lambda x: x > 0,
        poles=lambda x: x == 0,
    ),
    "sin": Known(
        "sin x, x in radians",
        "odd",
        (nan, nan),
        lambda x, place, bits, wanted: sine_and_cosine(ball(x, place, bits))[0],
        exact_at=_at_zero(0),
        keeps_zero_sign=True,
    ),
    "cos": Known(
        "cos x, x in radians",
        "even",
        (nan, nan),
        lambda x, place, bits, wanted: sine_and_cosine(ball(x, place, bits))[1],
        exact_at=_at_zero(1),
    ),
}
