"""IBM's floats: normal numbers down to the exponent 0, and one code for NaN and infinity.

Numbers, neighbours and rounding against Fractions; hardware and reference circuits against golden.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from fraction_operators import OPERATORS
from fraction_reference import MODES, grows
from hardware import check, make, referred

from holigrail_hw.core import operators
from holigrail_hw.formats import FloatFormat, FormatError, parse

NAMES = ["dlfloat16", "hfp8_e4m3_bias11", "hfp8_e5m2", "hfp9_e5m3"]
SMALL = [
    "e3m2_full",
    "e2m2_full_sat",
    "e3m0_full",
    "e2m1_finite_full",
    "e2m2_fnuz_full",
    "e1m2_full",
]


def number(fmt, magnitude):
    """The number of a magnitude's code, as if exponents had no end in either direction."""
    field, fraction = divmod(magnitude, 2**fmt.fraction_width)
    return (1 + Fraction(fraction, 2**fmt.fraction_width)) * Fraction(2) ** (field - fmt.bias)


def decode(fmt, code):
    sign, magnitude = divmod(code, 1 << fmt.magnitude_width)
    top = (1 << fmt.magnitude_width) - 1
    if fmt.specials == "fnuz" and code == top + 1 or fmt.specials == "fn" and magnitude == top:
        return math.nan
    infinity = top + 1 - 2**fmt.fraction_width
    if fmt.specials == "ieee" and magnitude >= infinity:
        return (-math.inf if sign else math.inf) if magnitude == infinity else math.nan
    value = number(fmt, magnitude) if magnitude else Fraction(0)
    return (-value or -0.0) if sign else value


def encode(fmt, value, mode):
    """Rounded where exponents have no end; then zero below the smallest number."""
    top = (1 << fmt.magnitude_width) - 1
    least = {"ieee": 2**fmt.fraction_width, "fn": 1}.get(fmt.specials, 0)
    largest = top - least
    nan = {
        "ieee": largest + 1 + 2**fmt.fraction_width // 2,
        "fn": top,
        "finite": largest,
        "fnuz": top + 1,
    }[fmt.specials]
    if value != value:
        return nan
    sign = math.copysign(1, value) < 0
    magnitude, stops = abs(value), fmt.saturate or fmt.specials == "finite"
    if magnitude == math.inf:
        code = largest + 1
    elif magnitude == 0:
        code = 0
    else:
        place = math.floor(math.log2(magnitude))
        place -= Fraction(2) ** place > magnitude
        part = magnitude / Fraction(2) ** place - 1
        whole, nu = divmod(part * 2**fmt.fraction_width, 1)
        code = ((place + fmt.bias) << fmt.fraction_width) + whole
        code = max(code + grows(mode, nu, code % 2 == 1, sign), 0)
        stops |= mode in ("toward_zero", "to_odd", "up" if sign else "down")
    if code > largest:
        if not stops and fmt.specials != "ieee":
            return nan
        code = largest if stops else largest + 1
    if fmt.specials == "fnuz" and code == 0:
        return 0
    return int(code + (sign << fmt.magnitude_width))


@pytest.mark.parametrize("name", [*NAMES, *SMALL])
def test_every_code(name):
    fmt = parse(name)
    codes = np.arange(1 << fmt.width)
    if fmt.width > 12:
        codes = codes[np.r_[0:600, 0x7000:0x9000, 0xFF00:0x10000]]
    exact = fmt.unpack(codes)
    for code, value in zip(codes.tolist(), exact.to_fractions().tolist(), strict=True):
        wanted = decode(fmt, code)
        assert value == wanted or (value != value and wanted != wanted), fmt.format_code(code)
        assert value != 0 or math.copysign(1, value) == math.copysign(1, wanted)
    keeps = ~exact.is_nan & ~(exact.is_infinite & bool(fmt.saturate))
    assert (fmt.project(exact)[keeps] == codes[keeps]).all()


def test_published_extremes():
    """Largest and smallest numbers of DLFloat; HFP8 without the codes that papers leave open."""
    dlfloat = parse("dlfloat16")
    assert dlfloat.bias == 31
    assert dlfloat.number_range[1] == 2**33 - 2**24
    assert dlfloat.decode(1) == 2.0**-31 + 2.0**-40
    assert np.isnan(dlfloat.decode([0x7FFF, 0xFFFF])).all()
    assert dlfloat.encode([math.inf, -math.inf, math.nan, 1e30]).tolist() == [0x7FFF] * 4
    assert dlfloat.decode(0x7E00) == 2.0**32
    assert parse("hfp8_e5m2").bias == 15 and parse("hfp8_e4m3_bias4").bias == 4
    inner = parse("hfp9_e5m3")
    for name in ("hfp8_e5m2", "hfp8_e4m3_bias11", "hfp8_e4m3_bias15"):
        operand = parse(name)
        exact = operand.unpack(np.arange(256))
        assert (inner.decode(inner.project(exact)) == exact.to_float64())[~exact.is_nan].all()


@pytest.mark.parametrize("name", [*SMALL, *NAMES])
def test_rounding_of_every_interval(name):
    fmt, rng = parse(name), np.random.default_rng(1)
    top = (1 << fmt.magnitude_width) + 1
    codes = range(-2 * 2**fmt.fraction_width - 2, top)
    if fmt.width > 6:
        codes = {*range(-12, 12), *range(top - 12, top), *rng.integers(0, top, 20).tolist()}
    parts = [Fraction(n, 16) for n in (0, 1, 7, 8, 9, 15)] + [Fraction(1, 3)]
    values = []
    for code in codes:
        low, high = number(fmt, code), number(fmt, code + 1)
        values += [sign * (low + part * (high - low)) for part in parts for sign in (1, -1)]
    values += [math.inf, -math.inf, math.nan, 0.0, -0.0]
    for mode in MODES:
        found = fmt.encode(values, rounding=mode).tolist()
        for value, code in zip(values, found, strict=True):
            assert code == encode(fmt, value, mode), (name, mode, value)


def specs(name, index):
    other, mode = SMALL[index], [*MODES, "stochastic_c"][index]
    options = {"rounding": mode, "random_width": 2}
    for operator, given in [
        ("add", {"a": name, "b": name, **options}),
        ("add", {"a": name, "b": other, "result": name, "operation": "subtract"}),
        ("multiply", {"a": name, "b": other, "result": name, **options}),
        ("convert", {"source": "e4m3", "result": name, **options}),
        ("fma", {"a": other, "b": "e2m1", "c": name, "result": name, **options}),
        ("compare", {"a": name, "b": name}),
        ("max", {"format": name}),
    ]:
        yield make(operators()[operator], **given)


def test_hardware():
    check(specs("hfp8_e4m3_bias11", 0))


@pytest.mark.parametrize("bias", [2, 3, 4])
def test_the_lowest_binade_is_read(bias):
    """Its numbers are normal where they come from, subnormal or normal where they go."""
    check([make(operators()["convert"], source="e3m2_full", result=f"e3m3_bias{bias}")])


@pytest.mark.heavy
@pytest.mark.parametrize(("index", "name"), list(enumerate(SMALL)))
def test_hardware_of_small_floats(name, index):
    check(specs(name, index))
    check(map(referred, specs(name, index)))


def test_reference_circuits():
    check(map(referred, list(specs("e2m2_fnuz_full", 0))[1:4]))


def test_sums_of_dlfloat():
    mac = operators()["mac"]
    given = {"a": "hfp8_e4m3_bias11", "b": "hfp8_e5m2", "accumulator": "dlfloat16"}
    check([make(mac, **given, rounding="nearest_away")], count=3000)
    check([make(operators()["fma"], a="dlfloat16", b="dlfloat16", c="dlfloat16")], count=3000)


@pytest.mark.parametrize("operator", ["add", "multiply"])
def test_golden_of_every_pair(operator):
    fmt = parse("e2m2_full")
    spec = make(operators()[operator], a="e2m2_full", b="e2m2_full", rounding="nearest_away")
    a, b = (array.ravel() for array in np.meshgrid(np.arange(32), np.arange(32)))
    (found,) = spec.golden(a=a, b=b).values()
    for x, y, code in zip(a.tolist(), b.tolist(), found.tolist(), strict=True):
        wanted = OPERATORS[operator](spec, decode(fmt, x), decode(fmt, y))
        assert code == encode(fmt, wanted, "nearest_away")


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("e6m9_fn_full", "dlfloat16"),
        ("hfp8_e4m3_bias11", "e4m3_fn_bias11_full"),
        ("hfp8_e5m2_sat", "hfp8_e5m2_sat"),
        ("e4m3_full_fn_bias7", "hfp8_e4m3"),
        ("e3m0_full", "e3m0_full"),
    ],
)
def test_names(given, canonical):
    assert parse(given).name == canonical
    assert parse(canonical) == parse(given)


def test_refusals():
    for name in ("e4m3_flush_full", "dlfloat16_flush"):
        with pytest.raises(FormatError) as caught:
            parse(name)
        assert str(caught.value) == (
            f"{name}: flush must be left out where the exponent 0 is full of numbers"
        )
    assert not FloatFormat(4, 3, full=True).subnormals
    with pytest.raises(FormatError, match="full must be True or False, not 'yes'"):
        FloatFormat(4, 3, full="yes")  # type: ignore[arg-type]
