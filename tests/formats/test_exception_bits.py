"""FloPoCo's floats with exception bits: every code, rounding by search, operators in hardware."""

import math
from fractions import Fraction

import numpy as np
import pytest
from fraction_operators import OPERATORS
from fraction_reference import MODES, grows
from hardware import check, make

from holigrail_hw.core import RequestError, Timing, operators
from holigrail_hw.formats import FormatError, parse
from holigrail_hw.hdl.number import exception_bits

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

SMALL = "flopoco3_2"


def number_of(fmt, code):
    """The number of a code, from its bits in writing."""
    digits = f"{code:0{fmt.width}b}"
    kind, sign = digits[:2], -1 if digits[2] == "1" else 1
    if kind == "11":
        return math.nan
    if kind != "01":
        return math.copysign(math.inf if kind == "10" else 0.0, sign)
    field = int(digits[3 : 3 + fmt.exponent_width], 2)
    fraction = Fraction(int("1" + digits[3 + fmt.exponent_width :], 2), 1 << fmt.fraction_width)
    return sign * fraction * Fraction(2) ** (field - (2 ** (fmt.exponent_width - 1) - 1))


def code_of(fmt, value, mode):
    """The code of a number, its magnitude rounded step by step."""
    e, f = fmt.exponent_width, fmt.fraction_width
    negative = math.copysign(1, value) < 0 if isinstance(value, float) else value < 0
    sign = "1" if negative and value == value else "0"

    def written(kind, rest=0):
        return int(kind + sign + f"{rest:0{e + f}b}", 2)

    if value != value:
        return written("11")
    if abs(value) == math.inf:
        return written("10")
    if value == 0:
        return written("00")
    magnitude, exponent = abs(Fraction(value)), 0
    while magnitude >= 2:
        magnitude, exponent = magnitude / 2, exponent + 1
    while magnitude < 1:
        magnitude, exponent = magnitude * 2, exponent - 1
    whole, rest = divmod(magnitude * 2**f, 1)
    rank = (exponent + 2 ** (e - 1) - 1) * 2**f + int(whole) - 2**f
    rank += grows(mode, rest, rank % 2 == 1, negative)
    if rank < 0:
        return written("00")
    if rank >= 2 ** (e + f):
        inward = mode in ("toward_zero", "to_odd", "up" if negative else "down")
        return written("01", 2 ** (e + f) - 1) if inward else written("10")
    return written("01", rank)


@pytest.mark.parametrize("name", [SMALL, "flopoco2_1", "flopoco5_3"])
def test_every_code(name):
    fmt = parse(name)
    codes = np.arange(1 << fmt.width)
    for code, value in zip(codes.tolist(), fmt.unpack(codes).to_fractions(), strict=True):
        wanted = number_of(fmt, code)
        assert value == wanted or (value != value and wanted != wanted)
        if value == 0:
            assert math.copysign(1, value) == math.copysign(1, wanted)
    assert fmt.number_range[1] == max(
        number_of(fmt, c) for c in codes.tolist() if abs(number_of(fmt, c)) < math.inf
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [SMALL, "flopoco2_1", "flopoco4_6"])
def test_rounding(name, mode):
    fmt, rng = parse(name), np.random.default_rng(4)
    values = [Fraction(int(n), 1 << 12) for n in rng.integers(-(1 << 17), 1 << 17, 200)]
    values += [Fraction(int(n), 1 << 16) for n in rng.integers(-5000, 5000, 200)]
    values += [fmt.number_range[1] * Fraction(k, 64) for k in range(60, 72)]
    values += [Fraction(2) ** -fmt.bias * Fraction(k, 64) for k in range(60, 68)]
    values += [0.0, -0.0, math.inf, -math.inf, math.nan, 1 + Fraction(1, 1 << 200)]
    assert fmt.encode(values, rounding=mode).tolist() == [code_of(fmt, v, mode) for v in values]


OPERATIONS = [
    ("add", {"a": SMALL, "b": SMALL}),
    ("multiply", {"a": SMALL, "b": SMALL}),
    ("divide", {"a": SMALL, "b": SMALL}),
    ("square-root", {"x": "flopoco4_3"}),
    ("fma", {"a": SMALL, "b": SMALL, "c": SMALL}),
    ("convert", {"source": "flopoco4_5", "result": SMALL}),
]


@pytest.mark.parametrize(("name", "given"), OPERATIONS)
def test_golden_against_fractions(name, given):
    spec = make(operators()[name], **given)
    codes = spec.items(150, np.random.default_rng(3))
    for index, code in enumerate(spec.golden(**codes)["result"].tolist()):
        numbers = [number_of(f, int(codes[n][index])) for n, f in spec.operands().items()]
        assert code == code_of(spec.target, OPERATORS[name](spec, *numbers), "nearest_even")


MIXED = [
    ("convert", {"source": "fp16", "result": SMALL, "rounding": "stochastic"}),
    ("convert", {"source": "flopoco5_2", "result": "fp8_e5m2"}),
    ("convert", {"source": "int9", "result": "flopoco3_5", "rounding": "to_odd"}),
    ("add", {"a": SMALL, "b": "fp8_e4m3", "rounding": "down"}),
    ("multiply", {"a": SMALL, "b": "int3", "rounding": "up"}),
    ("compare", {"a": SMALL}),
    ("compare", {"a": SMALL, "b": "fp8_e5m2"}),
    ("max", {"format": SMALL}),
    ("min", {"format": SMALL, "nan": "propagate"}),
    ("dot-product", {"a": SMALL, "b": "fp4_e2m1", "terms": 2}),
]


@pytest.mark.parametrize(("name", "given"), OPERATIONS + MIXED)
def test_hardware_equals_golden(name, given):
    check([make(operators()[name], **given)], count=1200)


@pytest.mark.heavy
@pytest.mark.parametrize("mode", [*MODES, "stochastic", "stochastic_b"])
@pytest.mark.parametrize(("name", "given"), OPERATIONS)
def test_every_mode_in_hardware(name, given, mode):
    check([make(operators()[name], rounding=mode, **given)], count=2000)


def test_running_sums_and_pipelines():
    mac = make(operators()["mac"], a=SMALL, b="fp4_e2m1", accumulator="flopoco4_3")
    check([mac, make(operators()["multiply"], a=SMALL, b=SMALL)], Timing(period_ns=8.0), 300)


@pytest.mark.parametrize("fault", ["stops", "increment"])
def test_planted_faults_are_noticed(monkeypatch, fault):
    name = {"stops": "_stops", "increment": "grows"}[fault]
    monkeypatch.setattr(exception_bits, name, lambda *given: given[1][0] if fault == "stops" else 0)
    with pytest.raises(AssertionError, match=" of .* wrong"):
        check([make(operators()["multiply"], a=SMALL, b=SMALL)])


def test_names():
    fmt = parse("flopoco5_10")
    assert fmt.width == 18 and parse(fmt.name) == fmt
    assert fmt.summary == "18-bit float with exception bits, 2-1-5-10, bias 15, largest 131008"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flopoco9_3", "flopoco9_3: exponent width must be between 2 and 8, not 9"),
        ("flopoco3_0", "flopoco3_0: fraction width must be between 1 and 23, not 0"),
        ("flopoco3", "no format named 'flopoco3'"),
    ],
)
def test_no_such_format(name, message):
    with pytest.raises(FormatError) as caught:
        parse(name)
    assert str(caught.value).startswith(message)


def test_what_has_no_hardware_is_refused():
    with pytest.raises(RequestError, match="rounding must not be stochastic_c where result is"):
        make(operators()["add"], a=SMALL, b=SMALL, rounding="stochastic_c")
