"""Posits and quires in every operator: hardware against golden, NaR, and exact sums."""

from fractions import Fraction

import numpy as np
import pytest
from hardware import check, make, results

from holigrail_hw.core import OperatorSpec, RequestError, Timing, find
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.formats import Rounding, parse

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

# Variant C of stochastic rounding is refused for posits.
MODES = [mode.value for mode in Rounding if mode is not Rounding.STOCHASTIC_C]
PAIRS = ["posit2_0", "posit2_3", "posit3_4", "posit4_1", "posit7_1"]
MIXED = ["int5", "fp8_e5m2"]
MORE_MIXED = [*MIXED, "posit6_1", "sfix6_en4", "uint3", "ternary", "binary", "e3m2_fnuz"]


def specification(operator: str, **texts: object) -> OperatorSpec:
    return make(find(operator), **texts)


def sums_and_products(a: str, b: str, **texts: object) -> list[OperatorSpec]:
    found = [specification("add", a=a, b=b, operation=o, **texts) for o in ("add", "subtract")]
    return [*found, specification("multiply", a=a, b=b, **texts)]


@pytest.mark.parametrize("text", ["posit8_0", "posit8_1", "posit8_2"])
def test_all_pairs_of_eight_bits(text):
    check(sums_and_products(text, text))


@pytest.mark.parametrize("result", ["posit6_1", "posit7_0"])
def test_a_number_that_leaves_the_sum_by_all_its_places(result):
    """The shift of these sums is as short as it may be: what it takes farther is a tie."""
    for mode in ("nearest_even", "nearest_away"):
        check(sums_and_products("posit7_0", "posit7_0", result=result, rounding=mode)[:1])


@pytest.mark.parametrize("text", PAIRS)
def test_all_pairs_where_fields_are_missing(text):
    check([*sums_and_products(text, text), specification("compare", a=text)])


@pytest.mark.parametrize("mode", MODES)
def test_rounding_modes(mode):
    texts = {"rounding": mode, "random_width": 3}
    check(sums_and_products("posit6_2", "posit6_2", **texts)[1:])
    check([specification("convert", source="fp8_e4m3", result="posit5_1", **texts)])


@pytest.mark.parametrize("other", MIXED)
def test_mixed_operands(other):
    posit = "posit5_1"
    check(sums_and_products(posit, other, result="posit6_2"))
    check([specification("multiply", a=other, b=posit, result="fp8_e4m3")])
    convert = [(other, posit), (posit, other)]
    check([specification("convert", source=x, result=y) for x, y in convert])
    check([specification("compare", a=posit, b=other)], count=2000)


def test_posits_of_two_kinds():
    check(sums_and_products("posit6_2", "posit7_0", result="posit5_1"))
    check([specification("compare", a="posit6_1", b=other) for other in ("posit5_1", "posit6_3")])


@pytest.mark.parametrize("nan", ["number", "propagate"])
def test_extremes(nan):
    check([specification(name, format="posit7_2", nan=nan) for name in ("max", "min")])


@pytest.mark.parametrize("text", ["posit16_2", "posit32_2"])
def test_wide_sums_and_products(text):
    """Stimuli of sums mostly cancel, or lie just beyond each other's last place."""
    check(sums_and_products(text, text)[1:], count=3000)


def test_fused():
    check([specification("fma", a="posit16_1", b="posit16_1", c="posit16_1")], count=2000)
    check([specification("fma", a="int4", b="posit6_2", c="fp8_e4m3", result="posit8_1")])


def test_in_several_cycles():
    check(sums_and_products("posit8_2", "posit8_2")[1:], Timing(period_ns=4.0), count=1200)


def answer(spec: OperatorSpec, **codes: int) -> dict[str, int]:
    """What hardware and golden say alike of one set of operands."""
    given = {name: np.array([code], np.uint64) for name, code in codes.items()}
    found, wanted = Gates(spec, None).run(given), spec.golden(**given)
    assert all(int(found[name][0]) == int(wanted[name][0]) for name in wanted)
    return {name: int(value[0]) for name, value in found.items()}


def test_nar():
    """NaR of any operand is NaR; infinities and NaN become NaR; NaR becomes NaN, or 0."""
    nar, infinity = 0x80, 0x7C
    add = specification("add", a="posit8_2", b="fp8_e5m2", result="posit8_2")
    assert answer(add, a=0x40, b=infinity) == answer(add, a=nar, b=0) == {"result": nar}
    product = specification("multiply", a="posit8_2", b="posit8_2")
    assert answer(product, a=nar, b=0) == answer(product, a=nar, b=nar) == {"result": nar}
    to_float = specification("convert", source="posit8_2", result="fp8_e5m2")
    assert answer(to_float, x=nar) == {"result": parse("fp8_e5m2").nan_code}
    assert answer(specification("convert", source="posit8_2", result="int8"), x=nar) == {
        "result": 0
    }
    order = specification("compare", a="posit8_2")
    assert answer(order, a=nar, b=nar)["equal"] and answer(order, a=nar, b=0x81)["less"]
    mixed = specification("compare", a="posit8_2", b="int8")
    assert answer(mixed, a=nar, b=0)["unordered"]


def test_nothing_but_zero_becomes_zero():
    product = specification("multiply", a="posit8_2", b="posit8_2")
    codes, found = results(Gates(product, None))
    is_number = (codes["a"] != 0x80) & (codes["b"] != 0x80)
    is_zero = (codes["a"] == 0) | (codes["b"] == 0)
    assert np.array_equal(found["result"] == 0, is_zero & is_number)
    assert np.array_equal(found["result"] == 0x80, ~is_number)


QUIRES = [
    {"a": "posit8_2", "b": "posit8_2", "accumulator": "quire8"},
    {"a": "posit5_1", "b": "int8", "accumulator": "quire5_1", "restart": "zero"},
    {"a": "posit6_0", "b": "fp4_e2m1", "accumulator": "quire8_0", "overflow": "saturate"},
    # Two products may leave the range.
    {"a": "int16", "b": "int16", "accumulator": "quire2_0"},
    {"a": "int16", "b": "int16", "accumulator": "quire2_0", "overflow": "saturate"},
    {"a": "posit6_2", "b": "posit6_2", "accumulator": "quire6", "accumulation": "cascade",
     "product": "posit8_1"},
]  # fmt: skip


@pytest.mark.parametrize("given", QUIRES)
def test_sums_in_a_quire(given):
    check([specification("mac", **given)], count=1500)


@pytest.mark.parametrize("accumulation", ["fused", "cascade", "exact"])
def test_other_sums(accumulation):
    texts = {"a": "posit6_1", "b": "posit6_2", "accumulator": "posit8_1"}
    check([specification("mac", **texts, accumulation=accumulation)], count=1500)


def test_quire_against_fractions():
    spec = specification("mac", a="posit8_2", b="posit8_2", accumulator="quire8")
    codes = spec.items(500, np.random.default_rng(4))
    design = Gates(spec, None)
    found = design.run({name: values.reshape(-1, 1) for name, values in codes.items()})["result"]
    total, nar = Fraction(0), False
    posit, quire = parse("posit8_2"), parse("quire8")
    for index, code in enumerate(found.ravel().tolist()):
        a, b, clear, enable = (int(codes[n][index]) for n in ("a", "b", "clear", "enable"))
        total, nar = (Fraction(0), False) if clear else (total, nar)
        if enable:
            nar |= 0x80 in (a, b)
            x, y = (Fraction(0 if v == 0x80 else float(posit.decode(v))) for v in (a, b))
            total += x * y
        assert code == (1 << 127 if nar else int(total * 2**48) % (1 << 128)), index
        assert nar or quire.unpack(code).to_fractions()[()] == total


def test_a_sum_that_wraps_to_the_code_of_nar_stays_nar():
    spec = specification("mac", a="int16", b="int16", accumulator="quire2_0")
    least = 0x8000
    steps = {"a": [least, least, 1, 1], "b": [least, least, 1, 1], "clear": [1, 0, 0, 1]}
    steps = {name: np.array(values, np.uint64) for name, values in steps.items()}
    codes = steps | {"enable": np.ones(4, np.uint64)}
    design = Gates(spec, None)
    found = design.run({name: values.reshape(-1, 1) for name, values in codes.items()})["result"]
    assert found.ravel().tolist() == [1 << 30, 1 << 31, 1 << 31, 1]
    assert spec.golden(**codes)["result"].tolist() == found.ravel().tolist()


def test_quire_in_other_operators():
    check(
        [
            specification("convert", source="quire3_1", result="posit6_1"),
            specification("convert", source="posit8_2", result="quire8"),
            specification("convert", source="fp16", result="quire4_0", overflow="wrap"),
            specification("add", a="quire3_0", b="posit3_0"),
            specification("fma", a="posit6_0", b="posit6_0", c="quire6_0", overflow="saturate"),
            specification("compare", a="quire3_0", b="posit4_0"),
        ],
        count=2000,
    )


WRONG = [
    ({"a": "posit16_2", "b": "posit8_2", "accumulator": "quire8"},
     "mac: accumulator must hold every product of posit16_2 x posit8_2 exactly, down to 2^-80, not "
     "128-bit quire of posit8_2, in units of 2^-48"),
    ({"a": "int64", "b": "posit2_0", "accumulator": "quire2_0"},
     "mac: accumulator must hold every product of int64 x posit2_0 exactly, down to 2^0, not "
     "32-bit quire of posit2_0, in units of 2^0"),
    ({"a": "int4", "b": "int4", "accumulator": "quire8", "accumulation": "cascade",
      "product": "fp32"},
     "mac: accumulator must hold every product of fp32 exactly, down to 2^-149, not "
     "128-bit quire of posit8_2, in units of 2^-48"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_quires_that_would_round_are_refused(given, message):
    with pytest.raises(RequestError) as caught:
        specification("mac", **given)
    assert str(caught.value) == message


def test_facts():
    spec = specification("mac", a="posit8_2", b="posit8_2", accumulator="quire8")
    assert spec.facts() == {"sums": "exact, any 2147483647 products fit into quire8"}


@pytest.mark.heavy
@pytest.mark.parametrize("exponent_width", range(5))
@pytest.mark.parametrize("width", range(2, 9))
def test_every_small_posit(width, exponent_width):
    text = f"posit{width}_{exponent_width}"
    for mode in MODES:
        texts = {"rounding": mode, "random_width": 2}
        check(sums_and_products(text, text, **texts), count=4000)
        check([specification("convert", source=text, result=r, **texts) for r in MORE_MIXED])
        check([specification("convert", source=r, result=text, **texts) for r in MORE_MIXED])
    for other in MORE_MIXED:
        check(sums_and_products(text, other, result="posit7_1"))
    check([specification("fma", a=text, b=text, c=text)], count=20000)


@pytest.mark.heavy
@pytest.mark.parametrize("width", range(9, 33))
def test_every_wide_posit(width):
    for exponent_width in range(5):
        text = f"posit{width}_{exponent_width}"
        check(sums_and_products(text, text), count=20000)
        check([specification("fma", a=text, b=text, c=text)], count=6000)
