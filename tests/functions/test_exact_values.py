"""Exact values against decimals of 130 digits, which share nothing with the balls."""

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest

from holigrail_hw.formats import FINITE, INFINITE, NAN, parse
from holigrail_hw.functions.exact import evenly
from holigrail_hw.functions.exact.balls import Ball, ball, log_of_two, pi
from holigrail_hw.functions.exact.catalogue import KNOWN
from holigrail_hw.functions.exact.evenly import evenly_spaced
from holigrail_hw.functions.exact.steady import Steady
from holigrail_hw.functions.exact.values import tabulated, values_of

PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482"
)
BITS = 60
POSITIVE = ("log2", "sqrt", "rsqrt")


def series(first: Decimal, ratio) -> Decimal:
    """The sum of terms, each the one before times ``ratio(n)``."""
    total, term, n = first, first, 0
    while abs(term) > Decimal(10) ** -100:
        n += 1
        term *= ratio(n)
        total += term
    return total


def sine(x: Decimal) -> Decimal:
    return series(x, lambda n: -x * x / (2 * n * (2 * n + 1)))


def error_function(x: Decimal) -> Decimal:
    # All terms are positive: 2/sqrt(pi) e^(-x^2) x (1 + 2x^2/3 + 4x^4/15 + ...).
    if x == 0:
        return x
    return 2 / PI.sqrt() * (-x * x).exp() * series(x, lambda n: 2 * x * x / (2 * n + 1))


REFERENCE = {
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "tanh": lambda x: 1 - 2 / ((2 * x).exp() + 1),
    "exp": lambda x: x.exp(),
    "exp2": lambda x: (x * Decimal(2).ln()).exp(),
    "log2": lambda x: x.ln() / Decimal(2).ln(),
    "gelu": lambda x: x * (1 + error_function(x / Decimal(2).sqrt())) / 2,
    "silu": lambda x: x / (1 + (-x).exp()),
    "softplus": lambda x: (1 + x.exp()).ln(),
    "erf": error_function,
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "sqrt": lambda x: x.sqrt(),
    "rsqrt": lambda x: 1 / x.sqrt(),
    "sin": sine,
    "cos": lambda x: sine(PI / 2 - x),
}


def numerators(name: str, place: int) -> np.ndarray:
    """Numbers up to 12, among them small ones; no zero."""
    rng = np.random.default_rng(len(name) - place)
    most = int(12 / 2.0**place)
    found = {1, 2, 3, most, *map(int, rng.integers(1, most, 25))}
    found |= set() if name in POSITIVE else {-number for number in found}
    return np.array(sorted(found), object)


def test_every_function_has_a_reference():
    assert set(REFERENCE) == set(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("place", [-13, -3])
def test_floors(name, place):
    x = numerators(name, place)
    floors, inexact = KNOWN[name].floors(x, place, BITS)
    with localcontext() as context:
        context.prec = 130
        for number, floor, below in zip(x.tolist(), floors, inexact, strict=True):
            exact = REFERENCE[name](Decimal(number) * Decimal(2) ** place) * 2**BITS
            off = exact - int(floor)
            # Decimals are rounded: where the value is an integer, it may seem just below.
            assert Decimal("-1e-55") < off < 1, (number, floor)
            assert below == (abs(off) > Decimal("1e-55")), (number, off)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("tanh", 0, 0),
        ("sigmoid", 0, Fraction(1, 2)),
        ("exp", 0, 1),
        ("cos", 0, 1),
        ("exp2", -3, Fraction(1, 8)),
        ("exp2", 40, 1 << 40),
        ("log2", Fraction(1, 4), -2),
        ("reciprocal", -4, Fraction(-1, 4)),
        ("square", Fraction(-3, 2), Fraction(9, 4)),
        ("sqrt", Fraction(9, 4), Fraction(3, 2)),
        ("rsqrt", Fraction(1, 16), 4),
    ],
)
def test_exact_points(name, x, expected):
    number = np.array([int(x * 16)], object)
    floors, inexact = KNOWN[name].floors(number, -4, 10)
    assert (int(floors[0]), bool(inexact[0])) == (expected * 1024, False)


@pytest.mark.parametrize("name", ["tanh", "erf", "sigmoid", "gelu", "silu", "softplus", "exp"])
def test_far_arguments(name):
    """Where a function only just differs from its limit, the floor is on the right side."""
    x = np.array([-(10**6), 10**6], object)
    floors, inexact = KNOWN[name].floors(x, 0, 20)
    one, least = 1 << 20, {"tanh": -1 << 20, "erf": -1 << 20, "gelu": -1, "silu": -1}
    most = {"tanh": one - 1, "erf": one - 1, "sigmoid": one - 1, "softplus": 10**6 * one}
    most |= dict.fromkeys(("gelu", "silu"), 10**6 * one - 1)
    assert inexact.all() and int(floors[0]) == least.get(name, 0)
    assert int(floors[1]) == most[name] if name in most else int(floors[1]) > one << 700


def test_constants():
    with localcontext() as context:
        context.prec = 80
        for number, exact in ((log_of_two(200), Decimal(2).ln()), (pi(200), PI)):
            off = abs(Decimal(int(number.middle[0])) - exact * 2**200)
            assert off <= number.radius < 1 << 12


def test_balls_hold_what_they_stand_for():
    rng = np.random.default_rng(7)
    bits = 12
    for _ in range(300):
        (a, b), (r, s) = rng.integers(-20000, 20000, 2), rng.integers(0, 9, 2)
        b = abs(b) + 2100
        x, y = (Ball(np.array([int(m)], object), int(e), bits) for m, e in ((a, r), (b, s)))
        u, v = (
            Fraction(int(m) + int(rng.integers(-e, e + 1)), 1 << bits) for m, e in ((a, r), (b, s))
        )
        results = {x * y: u * v, x + y: u + v, x - y: u - v, x.over(y): u / v}
        results |= {x // 3: u / 3, x.halved(2): u / 4, x * -5: -5 * u}
        for found, exact in results.items():
            assert abs(int(found.middle[0]) - exact * (1 << bits)) <= found.radius
    with pytest.raises(ArithmeticError, match="at least one half"):
        x.over(ball(np.array([1], object), -2, bits))


def test_values_of_a_float_format():
    """Infinities take limits, zeros keep their sign, and a pole is infinite."""
    format = parse("fp8_e5m2")
    codes = {
        name: int(format.encode([number])[0])
        for name, number in {
            "inf": np.inf,
            "-inf": -np.inf,
            "nan": np.nan,
            "-0": -0.0,
            "1": 1.0,
        }.items()
    }
    tanh, log2, reciprocal = (
        values_of(name, None, format, 30) for name in ("tanh", "log2", "reciprocal")
    )
    assert tanh.floor[codes["-inf"]] == -(1 << 30) and tanh.category[codes["nan"]] == NAN
    assert tanh.negative[codes["-0"]] and tanh.floor[codes["-0"]] == 0
    assert log2.category[codes["-0"]] == INFINITE and log2.negative[codes["-0"]]
    assert log2.category[int(format.encode([-2.0])[0])] == NAN
    assert reciprocal.category[codes["-0"]] == INFINITE and reciprocal.negative[codes["-0"]]
    assert not reciprocal.negative[0] and reciprocal.category[0] == INFINITE
    assert log2.floor[codes["1"]] == 0 and log2.category[codes["1"]] == FINITE


def test_values_round_like_the_numbers_themselves():
    """The bit below the floor is enough for every rounding mode."""
    format, result = parse("sfix8_en3"), parse("sfix9_en2")
    exact = values_of("square", None, parse("sfix8_en3"), 3).exact()
    numbers = [Fraction(x) ** 2 for x in format.decode(np.arange(256))]
    for mode in ("nearest_even", "nearest_away", "toward_zero", "up", "down", "to_odd"):
        expected = result.encode(numbers, mode, overflow="saturate")
        assert (result.project(exact, mode, overflow="saturate") == expected).all(), mode


def test_negative_values_are_cut_off_to_the_right_side():
    """Of a table of sixty-fourths only sixteenths are kept, and what is below as one bit."""
    numbers = tuple(Fraction(n, 64) for n in range(-64, 64))
    exact = values_of("table", numbers, parse("int7"), 4).exact()
    result = parse("sfix6_en2")
    for mode in ("nearest_even", "nearest_away", "toward_zero", "up", "down", "to_odd"):
        expected = result.encode(list(numbers), mode)
        assert (result.project(exact, mode) == expected).all(), mode


def test_a_python_function_in_the_order_of_codes():
    assert tabulated(lambda x: x * x, parse("int2")) == (0, 1, 4, 1)
    assert tabulated(lambda x: x / 4, parse("uint1")) == (0, Fraction(1, 4))
    with pytest.raises(ValueError):
        tabulated(lambda x: 1 / (x + 1e-550) if x else float("inf"), parse("int2"))


EVENLY = {
    "sigmoid": (-(1 << 14), 1 << 15, -11, 40),
    "tanh": (-(1 << 14), 1 << 15, -12, 40),
    "exp": (-(1 << 14), 1 << 15, -12, 36),
    "exp2": (-(1 << 14), 1 << 15, -12, 36),
    "log2": (1 << 10, 1 << 14, -9, 36),
    "gelu": (-(1 << 14), 1 << 15, -12, 36),
    "silu": (-(1 << 14), 1 << 15, -11, 36),
    "softplus": (-(1 << 14), 1 << 15, -11, 36),
    "erf": (-(1 << 14), 1 << 15, -12, 40),
    "reciprocal": (1 << 10, 1 << 14, -10, 40),
    "sqrt": (1 << 10, 1 << 14, -4, 36),
    "rsqrt": (1 << 10, 1 << 14, -4, 40),
    "sin": (-(1 << 14), 1 << 15, -12, 40),
    "cos": (-(1 << 14), 1 << 15, -12, 40),
}


@pytest.mark.parametrize("name", EVENLY)
def test_interpolated_values_are_the_exact_ones(name):
    """Of every function, at random places and at the ends; few are computed one by one."""
    start, count, place, bits = EVENLY[name]
    asked = 0

    def floors(x, place, bits):
        nonlocal asked
        asked += len(x)
        return KNOWN[name].floors(x, place, bits)

    found = evenly_spaced(name, floors, start, count, place, bits)
    assert found is not None and asked < count * 3 // 4
    at = np.concatenate([np.random.default_rng(5).integers(0, count, 300), np.arange(9)])
    at = np.concatenate([at, count - 1 - np.arange(9)])
    floor, inexact = KNOWN[name].floors(at.astype(object) + start, place, bits)
    assert (floor == found[0][at]).all() and (inexact == found[1][at]).all()


def test_the_stated_error_of_an_interpolation_holds():
    """Without bits to spare below them, values on the border are never taken for settled."""
    start, count, place, bits = -(1 << 9), 1 << 10, -8, 53
    floors = KNOWN["tanh"].floors
    found = evenly_spaced("tanh", floors, start, count, place, bits)
    assert found is not None
    floor, inexact = floors(np.arange(start, start + count, dtype=object), place, bits)
    assert (floor == found[0]).all() and (inexact == found[1]).all()


# Where nothing but a constant, or x, is left of f.
STEADY = {
    "sigmoid above": ("sigmoid", 36 << 8, -8, 40),
    "sigmoid below": ("sigmoid", -(68 << 8), -8, 40),
    "tanh": ("tanh", 20 << 8, -8, 40),
    "tanh below": ("tanh", -(36 << 8), -8, 40),
    "erf": ("erf", 8 << 8, -8, 40),
    "exp": ("exp", -(48 << 8), -8, 40),
    "softplus above": ("softplus", 36 << 8, -8, 40),
    "softplus below": ("softplus", -(52 << 8), -8, 40),
    "gelu above": ("gelu", 9 << 8, -8, 40),
    "gelu below": ("gelu", -(25 << 8), -8, 40),
    "silu": ("silu", 36 << 8, -8, 40),
}


@pytest.mark.parametrize("case", STEADY)
def test_values_of_steady_stretches_are_the_exact_ones(case):
    """Few are computed one by one, though their enclosures tell of none of them."""
    name, start, place, bits = STEADY[case]
    asked, count = 0, 1 << 12

    def floors(x, place, bits):
        nonlocal asked
        asked += len(x)
        return KNOWN[name].floors(x, place, bits)

    found = evenly_spaced(name, floors, start, count, place, bits)
    assert found is not None and asked < 1800
    floor, inexact = KNOWN[name].floors(np.arange(start, start + count, dtype=object), place, bits)
    assert (floor == found[0]).all() and (inexact == found[1]).all()


@pytest.mark.parametrize(("name", "turn"), [("gelu", -770), ("silu", -1309), ("cos", 0)])
def test_equal_floors_around_a_turn_tell_nothing(name, turn, monkeypatch):
    """Without interpolation, in a row of numbers around the one where f turns."""
    start, count, place, bits = turn - 32, 1 << 10, -10, 14
    monkeypatch.setattr(evenly._Work, "_interpolated", lambda self, firsts, length: firsts)
    found = evenly_spaced(name, KNOWN[name].floors, start, count, place, bits)
    assert found is not None
    floor, _ = KNOWN[name].floors(np.arange(start, start + count, dtype=object), place, bits)
    assert floor[0] == floor[63] != floor[32]
    assert (floor == found[0]).all()


@pytest.mark.parametrize("name", ["gelu", "silu", "softplus", "tanh", "log2", "reciprocal"])
def test_steady_stretches_rise_or_fall_all_the_way(name):
    """Sampled on a fine grid, without the whole part, to many more digits than are told apart."""
    steady, known = Steady(name, -7, 90), KNOWN[name]
    x = np.arange(-1024, 1025, dtype=object)
    x = x[known.domain(x).astype(bool) & ~known.poles(x).astype(bool)]
    rest = known.floors(x, -7, 90)[0] - steady.whole_part(x)
    rises = np.diff(rest) > 0
    for first in range(0, len(x) - 40, 7):
        if steady.holds(x[first : first + 1], x[first + 40 : first + 41])[0]:
            assert len({*rises[first : first + 40].tolist()}) == 1
    assert not Steady("gelu", -7, 40).holds(x[:1], x[-1:])[0]
    assert not Steady("sin", -7, 40).holds(x[:1], x[1:2])[0]


def test_values_that_64_bits_do_not_hold_are_left_to_exact_arithmetic():
    assert evenly_spaced("exp", KNOWN["exp"].floors, 1 << 12, 1 << 10, -8, 40) is None


def test_wide_formats_with_poles_and_numbers_without_a_value():
    """In the order of codes, as one by one: signs, the pole, categories."""
    for name in ("reciprocal", "rsqrt"):
        format = parse("sfix15_en10")
        fast = values_of(name, None, format, 30, True)
        slow = values_of(name, None, format, 30, False)
        assert fast.floor.dtype == np.int64 and slow.floor.dtype == object
        for field in ("floor", "inexact", "category", "negative"):
            assert (getattr(fast, field) == getattr(slow, field)).all(), (name, field)
