"""Operators on logarithmic numbers: golden against decimal arithmetic, hardware against golden."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from fraction_operators import decode, encode
from fraction_reference import MODES
from hardware import check, make
from logarithm_reference import add, code_of, log2, number_of, power_of_two

from holigrail_hw.core import RequestError, Timing, operators
from holigrail_hw.formats import parse
from holigrail_hw.golden import logarithmic as golden_logarithmic
from holigrail_hw.hdl.number.logarithms import sums, tables

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

L = "lns8_4"


def product(x, y, toward=1):
    if x is None or y is None or (toward < 0 and y[1] is None):
        return None
    if x[1] is None or y[1] is None:
        return False, None
    return x[0] != y[0], x[1] + toward * y[1]


def root(x, inverse=False):
    if x is None or x[0] or (inverse and x[1] is None):
        return None
    return False, x[1] if x[1] is None else (-x[1] if inverse else x[1]) / 2


def opposite(x):
    return x if x is None or x[1] is None else (not x[0], x[1])


ONE = (False, Decimal(0))
REFERENCES = {
    "add": lambda spec, x, y: add(x, opposite(y) if spec.operation == "subtract" else y),
    "multiply": lambda spec, x, y: product(x, y),
    "divide": lambda spec, x, y: product(x, y, -1),
    "fma": lambda spec, x, y, z: add(product(x, y), z),
    "reciprocal": lambda spec, x: product(ONE, x, -1),
    "square-root": lambda spec, x: root(x),
    "reciprocal-square-root": lambda spec, x: root(x, True),
    "convert": lambda spec, x: x,
}
CASES = [
    ("add", {"a": L, "b": L}),
    ("add", {"a": L, "b": L, "operation": "subtract", "result": "lns7_3"}),
    ("add", {"a": L, "b": "lns7_3", "result": "lns9_5"}),
    ("add", {"a": "lns5_2", "b": "lns11_0", "result": "lns4_1"}),
    ("multiply", {"a": L, "b": L}),
    ("multiply", {"a": L, "b": "lns7_3", "result": "lns6_2"}),
    ("divide", {"a": L, "b": L}),
    ("divide", {"a": L, "b": "lns5_1", "result": "lns5_2"}),
    ("fma", {"a": "lns6_2", "b": "lns6_3", "c": "lns7_2"}),
    ("fma", {"a": L, "b": L, "c": L}),
    ("reciprocal", {"x": L}),
    ("square-root", {"x": L}),
    ("reciprocal-square-root", {"x": L, "result": "lns6_2"}),
    ("convert", {"source": "lns9_5", "result": "lns6_2"}),
    ("convert", {"source": "lns6_2", "result": "lns9_5"}),
]
MIXED = [
    ("convert", {"source": "fp8_e4m3", "result": L}),
    ("convert", {"source": "fp16", "result": "lns12_6"}),
    ("convert", {"source": "int16", "result": "lns9_2"}),
    ("convert", {"source": "posit8_2", "result": "lns11_0"}),
    ("convert", {"source": "e8m0", "result": "lns12_2"}),
    ("convert", {"source": L, "result": "fp16"}),
    ("convert", {"source": "lns12_6", "result": "posit8_2"}),
    ("convert", {"source": L, "result": "int6"}),
    ("convert", {"source": L, "result": "sfix12_en4", "overflow": "wrap"}),
    ("convert", {"source": "lns11_0", "result": "e4m3_flush"}),
    ("convert", {"source": L, "result": "fp8_e4m3", "rounding": "stochastic"}),
]


LATER = [pytest.param(mode, marks=pytest.mark.heavy) for mode in MODES if mode != "nearest_even"]


@pytest.mark.parametrize("mode", ["nearest_even", *LATER])
@pytest.mark.parametrize(("name", "given"), CASES)
def test_every_operation_is_correctly_rounded(name, given, mode):
    spec = make(operators()[name], rounding=mode, **given)
    codes = spec.items(150, np.random.default_rng(7))
    found = spec.golden(**codes)["result"].tolist()
    for index, code in enumerate(found):
        numbers = [number_of(f, int(codes[n][index])) for n, f in spec.operands().items()]
        wanted = REFERENCES[name](spec, *numbers)
        assert code == code_of(spec.target, wanted, mode), numbers


def test_all_sums_of_two_numbers_are_correctly_rounded():
    """All distances that matter: one number fixed, every other one, both signs."""
    spec = make(operators()["add"], a=L, b=L)
    codes = np.arange(256)
    for fixed in (0x00, 0xC1):
        found = spec.golden(a=np.full(256, fixed), b=codes)["result"].tolist()
        x = number_of(parse(L), fixed)
        assert found == [code_of(parse(L), add(x, number_of(parse(L), b))) for b in range(256)]


@pytest.mark.parametrize(("name", "given"), CASES)
def test_hardware_equals_golden(name, given):
    check([make(operators()[name], **given)], count=1500)


@pytest.mark.parametrize(("name", "given"), MIXED)
def test_conversions_in_hardware(name, given):
    check([make(operators()[name], **given)], count=1500)


@pytest.mark.heavy
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "given"), CASES + MIXED)
def test_every_mode_in_hardware(name, given, mode):
    check([make(operators()[name], **{**given, "rounding": mode})], count=1500)


@pytest.mark.parametrize("mode", ["nearest_even", *LATER])
@pytest.mark.parametrize("result", ["fp16", "fp8_e4m3", "int6", "e4m3_flush"])
def test_conversions_to_fractions_are_correctly_rounded(result, mode):
    """A power is irrational, or whole: a close fraction on its side rounds as it does."""
    spec = make(operators()["convert"], source=L, result=result, rounding=mode)
    codes = np.arange(256)
    found = spec.golden(x=codes)["result"].tolist()
    for code in codes.tolist():
        number = number_of(parse(L), code)
        if number is None:
            value = math.nan
        elif number[1] is None:
            value = Fraction(0)
        else:
            whole = number[1] == number[1].to_integral_value()
            power = power_of_two(number[1])
            value = Fraction(2) ** int(number[1]) if whole else Fraction(power)
            value = -value if number[0] else value
        assert found[code] == encode(spec.target, value, spec, 0), number


@pytest.mark.parametrize("mode", ["nearest_even", *LATER])
@pytest.mark.parametrize("source", ["fp8_e4m3", "int6", "sfix8_en-3"])
def test_conversions_from_fractions_are_correctly_rounded(source, mode):
    spec = make(operators()["convert"], source=source, result=L, rounding=mode)
    codes = np.arange(1 << spec.source.width)
    found = spec.golden(x=codes)["result"].tolist()
    for code in codes.tolist():
        value = decode(spec.source, code)
        number = None
        if abs(value) < math.inf:
            number = (value < 0, log2(abs(Fraction(value)))) if value else (False, None)
        assert found[code] == code_of(parse(L), number, mode), value


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("nan", ["number", "propagate"])
def test_order(name, nan):
    compare = make(operators()["compare"], a=L, b="lns7_2")
    check([compare, make(operators()[name], format=L, nan=nan)])
    codes = compare.items(400, np.random.default_rng(1))
    found = compare.golden(**codes)
    x, y = (f.decode(codes[n]) for n, f in compare.inputs().items())
    for port, wanted in (("less", x < y), ("equal", x == y), ("greater", x > y)):
        assert (found[port] == wanted).all(), port


@pytest.mark.parametrize("places", [0, 1, 4, pytest.param(8, marks=pytest.mark.heavy)])
def test_two_tables_of_logarithms_agree(places):
    """Golden searches among powers, the hardware's table squares: neither knows the other."""
    for unlike in (False, True):
        mine = tables.sum_logarithms(places, places + 2, unlike)
        other = golden_logarithmic._table(places, places + 2, unlike)
        assert list(mine)[1:] == other.tolist()[1:]


def test_sums_of_many_and_pipelines():
    dot = operators()["dot-product"]
    small = {"a": "lns6_2", "b": "lns5_2", "terms": 3, "result": "lns6_2"}
    check(
        [
            make(dot, accumulation="tree", **small),
            make(dot, accumulation="chunked", chunk=2, c="lns4_1", **small),
        ],
        count=800,
    )
    check([make(operators()["fma"], a="lns6_2", b="lns6_2", c="lns6_2")], Timing(latency=3), 300)


@pytest.mark.parametrize("fault", ["table", "sticky", "sign"])
def test_planted_faults_are_noticed(monkeypatch, fault):
    spec = make(operators()["add"], a=L, b=L, rounding="up")
    right = sums.sum_logarithms

    def one_wrong(places, finer, unlike):
        entries = list(right(places, finer, unlike))
        entries[20] += 2
        return tuple(entries)

    faults = {
        "table": one_wrong,
        "sticky": lambda p, f, u: tuple(x - 1 for x in right(p, f, u)),
        "sign": lambda p, f, u: right(p, f, False),
    }
    monkeypatch.setattr(sums, "sum_logarithms", faults[fault])
    with pytest.raises(AssertionError, match=" of .* wrong"):
        check([spec])


@pytest.mark.parametrize(
    ("name", "texts", "message"),
    [
        ("add", {"a": L, "b": "fp16"}, "a, b, result must all be logarithmic or none of them, not"),
        ("multiply", {"a": "int8", "b": L}, "`convert` goes from one to the other"),
        ("compare", {"a": L, "b": "fp16"}, "a, b must all be logarithmic or none of them, not"),
        (
            "mac",
            {"a": L},
            "a, b, accumulator must all be logarithmic or none of them, not lns8_4 and",
        ),
        ("dot-product", {"a": L, "b": L}, "accumulation must be tree or chunked for logarithmic"),
        ("dot-product", {"a": L}, "all formats must be logarithmic or none of them, not lns8_4"),
        ("quantize-block", {"source": L}, "source must be a format of binary fractions, not"),
        (
            "add",
            {"a": L, "b": L, "rounding": "stochastic"},
            "where result is lns8_4, a log",
        ),
        ("divide", {"a": L, "b": L, "bits_per_cycle": 2}, "bits_per_cycle must be left out for"),
    ],
)
def test_refusals(name, texts, message):
    with pytest.raises(RequestError) as caught:
        make(operators()[name], **texts)
    assert message in str(caught.value)
