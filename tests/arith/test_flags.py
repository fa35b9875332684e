"""Exception flags: golden against fractions and known cases, hardware against golden."""

import math
from fractions import Fraction

import numpy as np
import pytest
from fraction_operators import OPERATORS, decode
from fraction_reference import MODES, grid_value, largest_code, round_fraction
from hardware import check, make

from holigrail_hw.core import RequestError, Timing, operators
from holigrail_hw.formats import parse
from holigrail_hw.formats.scalar.flags import FLAG_NAMES
from holigrail_hw.hdl.number import exceptions, float_round
from holigrail_hw.hdl.shapes import shape_of

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

INEXACT, UNDERFLOW, OVERFLOW, DIVIDE_BY_ZERO, INVALID = (1 << bit for bit in range(5))
CASES = [
    ("add", {"a": "fp8_e5m2", "b": "fp8_e5m2"}),
    ("add", {"a": "e4m6_ieee", "b": "fp8_e5m2", "result": "fp8_e4m3"}),
    ("multiply", {"a": "fp8_e5m2", "b": "fp8_e5m2"}),
    ("multiply", {"a": "int5", "b": "fp8_e4m3", "result": "fp4_e2m1"}),
    ("fma", {"a": "fp8_e5m2", "b": "e3m2", "c": "fp8_e5m2", "result": "e4m2_ieee"}),
    ("divide", {"a": "fp8_e4m3", "b": "fp8_e4m3"}),
    ("divide", {"a": "fp8_e5m2", "b": "e4m2_fnuz", "result": "e3m3_sat"}),
    ("square-root", {"x": "fp16", "result": "fp8_e4m3"}),
    ("reciprocal", {"x": "fp8_e5m2"}),
    ("reciprocal-square-root", {"x": "e5m3", "result": "e3m2"}),
    ("convert", {"source": "fp16", "result": "fp8_e5m2"}),
    ("convert", {"source": "bf16", "result": "fp6_e2m3"}),
]


def wanted(name, spec, numbers):
    """The flags of one operation, by their definitions."""
    exact, target, mode = OPERATORS[name](spec, *numbers), spec.target, str(spec.rounding)
    finite = [n for n in numbers if abs(n) < math.inf]
    if exact != exact:
        lacks = target.nan_code is None
        return INVALID if lacks or not any(n != n for n in numbers) else 0
    if abs(exact) == math.inf:
        if len(finite) == len(numbers):
            return DIVIDE_BY_ZERO
        return INVALID if target.specials != "ieee" else 0
    exact = Fraction(exact)
    if exact == 0:
        return 0

    def rounded(finest):
        """Rounded without an end of exponents, or with a finest place."""
        exponent = math.frexp(abs(exact))[1] - 1 if abs(exact) < 2**900 else None
        assert exponent is not None
        exponent += abs(exact) >= Fraction(2) ** (exponent + 1)
        exponent -= abs(exact) < Fraction(2) ** exponent
        place = exponent - target.fraction_width
        unit = Fraction(2) ** (place if finest is None else max(place, finest))
        return round_fraction(exact / unit, mode) * unit

    normal = grid_value(target, 2**target.fraction_width)
    largest = grid_value(target, largest_code(target))
    free, kept = rounded(None), rounded(target.least_place)
    tiny = abs(free if spec.tininess == "after" else exact) < normal
    over = abs(free) > largest
    inexact = over or kept != exact
    return INEXACT * inexact + UNDERFLOW * (tiny and inexact) + OVERFLOW * over


LATER = [pytest.param(mode, marks=pytest.mark.heavy) for mode in MODES if mode != "nearest_even"]


@pytest.mark.parametrize("tininess", ["after", "before"])
@pytest.mark.parametrize("mode", ["nearest_even", *LATER])
@pytest.mark.parametrize(("name", "given"), CASES)
def test_golden_by_definition(name, given, mode, tininess):
    spec = make(operators()[name], flags=True, rounding=mode, tininess=tininess, **given)
    codes = spec.items(100, np.random.default_rng(2))
    found = spec.golden(**codes)["flags"].tolist()
    seen = 0
    for index, flags in enumerate(found):
        numbers = [decode(f, int(codes[n][index])) for n, f in spec.operands().items()]
        assert flags == wanted(name, spec, numbers), (numbers, flags)
        seen |= flags
    assert seen & INEXACT


@pytest.mark.parametrize("mode", ["nearest_even", *LATER])
@pytest.mark.parametrize("tininess", ["after", "before"])
@pytest.mark.parametrize(("name", "given"), CASES[::3])
def test_hardware_equals_golden(name, given, mode, tininess):
    spec = make(operators()[name], flags=True, rounding=mode, tininess=tininess, **given)
    check([spec], count=2000)


@pytest.mark.heavy
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "given"), CASES)
def test_more_hardware_equals_golden(name, given, mode):
    check([make(operators()[name], flags=True, rounding=mode, **given)], count=3000)


def flags_of(name, values, **given):
    spec = make(operators()[name], flags=True, **given)
    codes = {n: f.encode([v]) for (n, f), v in zip(spec.operands().items(), values, strict=True)}
    return int(spec.golden(**codes)["flags"][0])


def test_known_cases():
    half = {"a": "fp16", "b": "fp16"}
    inf, nan = math.inf, math.nan
    assert flags_of("multiply", (65504, 2), **half) == OVERFLOW | INEXACT
    assert flags_of("multiply", (0, inf), **half) == INVALID
    assert flags_of("multiply", (0, nan), **half) == 0
    assert flags_of("add", (inf, -inf), **half) == INVALID
    assert flags_of("divide", (1, 0), **half) == DIVIDE_BY_ZERO
    assert flags_of("divide", (0, 0), **half) == INVALID
    assert flags_of("divide", (inf, 0), **half) == 0
    assert flags_of("multiply", (2.0**-24, 0.5), **half) == UNDERFLOW | INEXACT
    # Exact subnormal results do not underflow.
    assert flags_of("multiply", (2.0**-14, 0.5), **half) == 0
    # The border of tininess: (1 - 2^-12) 2^-14 rounds to 2^-14 with eleven bits as with ten.
    edge = {"source": "fp32", "result": "fp16"}
    assert flags_of("convert", ((1 - 2.0**-13) * 2.0**-14,), **edge) == INEXACT
    before = {**edge, "tininess": "before"}
    assert flags_of("convert", ((1 - 2.0**-13) * 2.0**-14,), **before) == INEXACT | UNDERFLOW
    # Up to 2^-14 on the subnormal grid, but not on one twice as fine.
    value = (1 - 3 * 2.0**-13) * 2.0**-14
    assert flags_of("convert", (value,), **edge) == INEXACT | UNDERFLOW
    assert flags_of("convert", (449,), source="fp16", result="fp8_e4m3") == INEXACT
    assert flags_of("convert", (480,), source="fp16", result="fp8_e4m3") == INEXACT | OVERFLOW
    assert flags_of("convert", (inf,), source="fp16", result="fp8_e4m3") == INVALID
    assert flags_of("convert", (nan,), source="fp16", result="fp4_e2m1") == INVALID


def test_pipeline_and_wide_formats():
    spec = make(operators()["fma"], a="fp8_e5m2", b="fp8_e4m3", c="fp16", flags=True)
    check([spec], Timing(latency=3), 600)


def test_the_port_has_named_fields():
    assert list(dict(shape_of(parse("flags")))) == list(FLAG_NAMES)
    assert parse("flags").format_code(9) == "0x09 (inexact, divide_by_zero)"
    assert parse("flags").format_code(0) == "0x00 (none)"


@pytest.mark.parametrize("fault", ["operands", "sticky", "finer"])
def test_planted_faults_are_noticed(monkeypatch, fault):
    spec = make(operators()["multiply"], a="fp8_e5m2", b="fp8_e5m2", flags=True)
    if fault == "operands":
        monkeypatch.setattr(exceptions, "any_of", lambda plan, name, *bits: None)
    else:
        right = float_round._Rounding._observe

        def wrong(self, fine, beyond, below):
            if fault == "sticky":
                return right(self, fine, self.plan.constant(0, 1), below)
            ones = self.plan.constant(-1, fine.width)
            right(self, ones, beyond, below)
            return fine, beyond

        monkeypatch.setattr(float_round._Rounding, "_observe", wrong)
    with pytest.raises(AssertionError, match=" of .* wrong"):
        check([spec])


@pytest.mark.parametrize(
    ("name", "texts", "message"),
    [
        ("add", {"a": "int8", "b": "int8"}, "flags must be left out unless the result is a float"),
        ("add", {"result": "e4m3_flush"}, "flags must be left out unless the result is a float"),
        ("multiply", {"result": "posit8_2"}, "fraction bits, not posit8_2"),
        ("add", {"rounding": "stochastic"}, "flags must be left out with rounding stochastic"),
        ("divide", {"bits_per_cycle": 2}, "flags must be left out with bits_per_cycle"),
        ("convert", {"source": "lns8_4"}, "flags must be left out for logarithmic numbers"),
    ],
)
def test_refusals(name, texts, message):
    with pytest.raises(RequestError) as caught:
        make(operators()[name], flags=True, **texts)
    assert message in str(caught.value)
