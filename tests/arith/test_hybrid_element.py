"""The hybrid element: golden against Fractions and ml_dtypes, hardware against golden."""

import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hardware import check

from holigrail_hw.arith.hybrid_element.operator import HybridElement
from holigrail_hw.arith.hybrid_element.shape import BACKWARD, FORWARD, FP16, INT2, INT4
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.simulate.gates import Gates

PIPES = ["merged", "separate"]
ONE = 31 << 9
"""The code of 1 in 1-6-9."""


def decoded(code: int, exponent_width: int, fraction_width: int, bias: int) -> Fraction | None:
    """The number of a code; None for NaN."""
    size = exponent_width + fraction_width
    sign, magnitude = -1 if code >> size & 1 else 1, code & (1 << size) - 1
    if magnitude == (1 << size) - 1:
        return None
    field, fraction = magnitude >> fraction_width, magnitude & (1 << fraction_width) - 1
    if magnitude == 0:
        return Fraction(0)
    significand = 1 + Fraction(fraction, 1 << fraction_width)
    return sign * significand * Fraction(2) ** (field - bias)


def half(code: int) -> Fraction | None:
    return decoded(code, 6, 9, 31)


def place(number: Fraction) -> int:
    """The exponent of the power of two at or below a magnitude."""
    found = math.floor(math.log2(abs(number)))
    return (
        found - (Fraction(2) ** found > abs(number)) + (Fraction(2) ** (found + 1) <= abs(number))
    )


def rounded(number: Fraction) -> Fraction | None:
    """To 1-6-9, ties away from zero; None if too large, 0 below the smallest number."""
    if number == 0:
        return number
    unit = Fraction(2) ** (place(number) - 9)
    found = math.floor(abs(number) / unit + Fraction(1, 2)) * unit
    if found < Fraction(2) ** -31 * (1 + Fraction(1, 512)):
        return Fraction(0)
    if found > (1 + Fraction(510, 512)) * Fraction(2) ** 32:
        return None
    return found if number > 0 else -found


def windowed(terms: list[Fraction], tops: list[int], width: int) -> Fraction:
    """The sum of what lies in the window of each term."""
    present = [(t, top) for t, top in zip(terms, tops, strict=True) if t]
    if not present:
        return Fraction(0)
    unit = Fraction(2) ** (max(top for _, top in present) - width)
    return sum((math.trunc(term / unit) * unit for term, _ in present), Fraction(0))


class Element:
    """The element in Fractions, item by item."""

    def __init__(self, spec: HybridElement):
        self.spec, self.integer = spec, 0
        self.restart()

    def restart(self) -> None:
        self.inner: Fraction | None = Fraction(0)
        self.outer: Fraction | None = Fraction(0)
        self.result: Fraction | None = Fraction(0)
        self.items = 0

    def pairs(self, a: int, b: int, mode: int) -> list[tuple[Fraction | None, Fraction | None]]:
        if mode == FP16:
            return [(half(a & 0xFFFF), half(b & 0xFFFF))]
        bias = self.spec.forward_bias
        octets = [(a >> p & 0xFF, b >> p & 0xFF) for p in (0, 8)]
        last = (5, 2, 15) if mode == BACKWARD else (4, 3, bias)
        return [(decoded(x, 4, 3, bias), decoded(y, *last)) for x, y in octets]

    def item(self, a: int, b: int, mode: int, clear: int, enable: int) -> None:
        if mode >= INT4:
            self.count_digits(a, b, 4 if mode == INT4 else 2, clear, enable)
            return
        if clear:
            self.restart()
        if not enable:
            return
        before = Fraction(0) if self.items == 0 else self.inner
        terms: list[Fraction | None] = [before]
        tops = [place(before) + 1 if before else 0]
        for x, y in self.pairs(a, b, mode):
            terms.append(None if x is None or y is None else x * y)
            tops.append(place(x) + place(y) + 2 if x and y else 0)
        total = None if None in terms else rounded(windowed(terms, tops, self.spec.window))
        self.inner, self.items = total, (self.items + 1) % self.spec.chunk
        sums = self.outer, self.inner
        self.result = None if None in sums else rounded(sum(sums))
        if self.items == 0:
            self.outer = self.result

    def count_digits(self, a: int, b: int, bits: int, clear: int, enable: int) -> None:
        def digit(word: int, low: int) -> int:
            value = word >> low & (1 << bits) - 1
            return value - (value >> bits - 1 << bits)

        if clear:
            self.integer = 0
        if enable:
            lows = range(0, 4 * self.spec.lanes, bits)
            self.integer += sum(digit(a, low) * digit(b, low) for low in lows)


def codes_of(rows: list[tuple[int, int, int, int, int]]) -> dict[str, np.ndarray]:
    names = ("a", "b", "mode", "clear", "enable")
    return {n: np.array(v, np.uint64) for n, v in zip(names, zip(*rows, strict=True), strict=True)}


def sums(spec: HybridElement, rows: list) -> list[tuple[Fraction | None, int]]:
    """Both sums after each item, by golden."""
    found = spec.golden(**codes_of(rows))
    integers = spec.outputs()["integer_sum"].decode(found["integer_sum"])
    floats = [half(code) for code in found["float_sum"].tolist()]
    return list(zip(floats, [int(value) for value in integers], strict=True))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"chunk": 3, "window": 16, "forward_bias": 7},
        {"chunk": 1, "lanes": 5, "forward_bias": 0},
        {"lanes": 16, "window": 37, "forward_bias": 15},
    ],
)
def test_golden(given):
    spec = HybridElement(**given)
    for seed, codes in enumerate((spec.stimulus(np.random.default_rng(7), 900), None)):
        codes = codes or spec.items(900, np.random.default_rng(seed))
        rows = list(zip(*(codes[name].tolist() for name in spec.inputs()), strict=True))
        element, wanted = Element(spec), []
        for row in rows:
            element.item(*row)
            integer = (element.integer + 0x8000) % 0x10000 - 0x8000
            wanted.append((element.result, integer))
        assert sums(spec, rows) == wanted
        assert len({result for result, _ in wanted}) > 100


ODD = {"chunk": 3, "window": 16, "lanes": 5, "forward_bias": 15}


@pytest.mark.parametrize(
    ("pipes", "bypass", "given"),
    [
        ("merged", True, {}),
        ("separate", True, ODD),
        *(
            pytest.param(*case, marks=pytest.mark.heavy)
            for case in (
                ("merged", False, {}),
                ("merged", False, ODD),
                ("merged", True, ODD),
                ("separate", False, ODD),
                ("separate", True, {}),
                ("separate", False, {"lanes": 16, "window": 64, "chunk": 1}),
            )
        ),
    ],
)
def test_hardware(pipes, bypass, given):
    """Modes change at random, with and without a clock that takes interleaved sums."""
    spec = HybridElement(pipes=pipes, bypass=bypass, **given)
    check([spec], Timing(period_ns=12.0) if given else None, count=2400)


def test_long_chunks_in_hardware():
    """Long enough for several chunks of 64 items, with hardly any clears."""
    spec, rng = HybridElement(chunk=64, lanes=5), np.random.default_rng(9)
    codes = {k: v.reshape(400, 64) for k, v in spec.stimulus(rng, 400 * 64).items()}
    codes["clear"] = (rng.random((400, 64)) < 0.002).astype(np.uint64)
    found, wanted = Gates(spec).run(codes), spec.golden(**codes)
    for name in spec.outputs():
        assert np.array_equal(found[name], wanted[name])


def octets(mode: int) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of codes of 8-bit floats whose numbers ml_dtypes has too, as two columns."""
    forward, backward = ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2
    a, b = (x.ravel() for x in np.meshgrid(np.arange(256), np.arange(256), indexing="ij"))

    def shared(codes: np.ndarray, dtype: type, fraction: int) -> np.ndarray:
        # Subnormal numbers are normal ones here, and the top binade of 1-5-2 is full of numbers.
        magnitude = codes & 0x7F
        value = codes.astype(np.uint8).view(dtype).astype(np.float64)
        return ((magnitude >> fraction > 0) | (magnitude == 0)) & np.isfinite(value)

    last = (forward, 3) if mode == FORWARD else (backward, 2)
    keep = shared(a, forward, 3) & shared(b, *last)
    return a[keep], b[keep]


@pytest.mark.parametrize("mode", [FORWARD, BACKWARD])
def test_products_of_octets_against_ml_dtypes(mode):
    """Every product alone, in both places, by golden and by both forms of the hardware."""
    a, b = octets(mode)
    assert len(a) > 50_000
    dtype = ml_dtypes.float8_e4m3fn if mode == FORWARD else ml_dtypes.float8_e5m2
    wanted = a.astype(np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float64)
    wanted = wanted * b.astype(np.uint8).view(dtype).astype(np.float64)
    for low in (0, 8):
        spec = HybridElement(forward_bias=7, lanes=5)
        shape, ones = (1, len(a)), np.ones((1, len(a)), np.uint64)
        codes = {
            "a": (a.astype(np.uint64) << np.uint64(low)).reshape(shape),
            "b": (b.astype(np.uint64) << np.uint64(low)).reshape(shape),
            "mode": ones * np.uint64(mode),
            "clear": ones,
            "enable": ones,
        }
        found = spec.golden(**codes)["float_sum"]
        assert np.array_equal(spec.outputs()["float_sum"].decode(found).ravel(), wanted)


@pytest.mark.sampled
@pytest.mark.parametrize("pipes", PIPES[::-1])
@pytest.mark.parametrize("mode", [FORWARD, BACKWARD, INT4, INT2])
def test_every_pair_of_octets_in_hardware(pipes, mode):
    """All codes, NaN and all, in two places and both sets of digits: 65536 items side by side."""
    spec = HybridElement(pipes=pipes, lanes=5, bypass=False, forward_bias=15)
    design = Gates(spec)
    a, b = (x.reshape(1, -1).astype(np.uint64) for x in np.meshgrid(range(256), range(256)))
    ones = np.ones_like(a)
    # What the other octets hold differs from item to item.
    mixed = (a * np.uint64(37) + b * np.uint64(101)) & np.uint64(0xFF)
    for low, other in ((0, 8), (8, 0)):
        codes = {
            "a": a << np.uint64(low) | mixed << np.uint64(other),
            "b": b << np.uint64(low) | (mixed ^ np.uint64(0x5A)) << np.uint64(other),
            "mode": ones * np.uint64(mode),
            "clear": ones,
            "enable": ones,
        }
        found, wanted = design.run(codes), spec.golden(**codes)
        for name in spec.outputs():
            assert np.array_equal(found[name], wanted[name])


def test_what_is_rounded_and_what_is_cut_off():
    spec = HybridElement(window=16, chunk=64)
    first = (ONE, ONE, FP16, 1, 1)
    # 1 + 2^-10 lies half-way, and goes away from zero; 2^-16 is below the window.
    after = sums(spec, [first, (ONE, ONE - (10 << 9), FP16, 0, 1)])
    assert after[-1][0] == 1 + Fraction(1, 512)
    assert sums(spec, [first, (ONE, ONE - (16 << 9), FP16, 0, 1)])[-1][0] == 1
    # Of 1 - 2^-17 nothing is cut from 1, and all of the rest.
    minus = (ONE | 0x8000, ONE - (17 << 9), FP16, 0, 1)
    assert sums(spec, [first, minus])[-1][0] == 1
    assert sums(HybridElement(window=24), [first, minus])[-1][0] == 1


def test_chunks_keep_what_one_sum_loses():
    """2^10 and 64 halves: one by one they are lost, as a chunk of their own they count."""
    large = (ONE + (10 << 9), ONE, FP16, 1, 1)
    halves = [(ONE, ONE - (1 << 9), FP16, 0, 1)] * 64
    for chunk in (1, 1024):
        assert sums(HybridElement(chunk=chunk), [large, *halves])[-1][0] == 1024
    zeros = [(0, 0, FP16, 0, 1)] * 63
    assert sums(HybridElement(chunk=64), [large, *zeros, *halves])[-1][0] == 1024 + 32


def test_special_values():
    spec = HybridElement()
    nan, largest = 0x7FFF, 0x7FFE
    assert sums(spec, [(nan, 0, FP16, 0, 1)])[-1][0] is None
    assert sums(spec, [(0, 0xFFFF, FP16, 0, 1)])[-1][0] is None
    # Too large is NaN, which stays until the sum is cleared; an item that is off changes nothing.
    rows = [(largest, largest, FP16, 0, 1), (0, 0, FP16, 0, 1), (ONE, ONE, FP16, 1, 1)]
    assert [result for result, _ in sums(spec, rows)] == [None, None, 1]
    assert sums(spec, [*rows, (nan, nan, FP16, 0, 0)])[-1][0] == 1
    assert sums(spec, [*rows, (nan, nan, FP16, 1, 0)])[-1][0] == 0
    # NaN in the second octet only, of each format.
    for mode, code in ((FORWARD, 0x7F00), (BACKWARD, 0xFF00)):
        assert sums(spec, [(0, code, mode, 0, 1)])[-1][0] is None
        assert sums(spec, [(code & 0, code ^ 0x100, mode, 0, 1)])[-1][0] == 0


def test_the_other_sum_waits():
    spec = HybridElement()
    rows = [(ONE, ONE, FP16, 1, 1), (0x12345678, 0x11111111, INT4, 1, 1)]
    assert sums(spec, rows)[-1] == (1, sum((1, 2, 3, 4, 5, 6, 7, -8)))
    # A clear counts for the sum of its mode alone.
    rows += [(0, 0, INT2, 1, 0), (ONE, ONE, FP16, 0, 1), (0, 0, FORWARD, 1, 0)]
    assert sums(spec, rows)[2:] == [(1, 0), (2, 0), (0, 0)]
    assert sums(spec, [(0xFFFFFFFF, 0x55555555, INT2, 0, 1)])[-1][1] == -16
    # Codes without a mode are int2; the sum wraps.
    most = [(0x88888888, 0x88888888, INT4, 0, 1)] * 64
    assert sums(spec, most)[-1][1] == -0x8000
    assert sums(spec, [(0xFFFFFFFF, 0x55555555, 7, 0, 1)])[-1][1] == -16


@pytest.mark.parametrize("pipes", PIPES)
def test_latency(pipes):
    assert {HybridElement(pipes=pipes, bypass=b).plan().latency for b in (True, False)} == {2}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"pipes": "shared"},
            "pipes must be one of merged, separate, not shared",
        ),
        (
            {"lanes": 4},
            "lanes must be between 5 and 16, not 4 (int4 products per item; int2 has twice as"
            " many)",
        ),
        (
            {"forward_bias": 16},
            "forward_bias must be between 0 and 15, not 16 (exponent bias of the 1-4-3 format)",
        ),
    ],
)
def test_refusals(given, message):
    with pytest.raises(RequestError) as caught:
        HybridElement(**given)
    assert str(caught.value) == f"hybrid-element: {message}"
