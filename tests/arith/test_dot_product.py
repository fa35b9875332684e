"""Dot products: against fractions item by item, against NumPy, and golden in hardware."""

import math
from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from fraction_operators import decode, encode
from hardware import check, make

from holigrail_hw.arith.dot_product import stepwise
from holigrail_hw.arith.dot_product.operator import DotProduct
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.hdl.number import sum_of_many

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


def dot(**texts) -> DotProduct:
    return make(DotProduct, **texts)


def product(x, y):
    """Fractions; floats for what is none of them."""
    infinite = [v for v in (x, y) if isinstance(v, float) and math.isinf(v)]
    if x != x or y != y or (infinite and 0 in (x, y)):
        return math.nan
    if infinite:
        return math.inf if (x > 0) == (y > 0) else -math.inf
    return Fraction(x) * Fraction(y)


def total(terms):
    """The sum; NaN for NaN and for infinities of both signs."""
    whole = [t for t in terms if not isinstance(t, float)]
    return sum((t for t in terms if isinstance(t, float)), start=0.0) or sum(
        whole, start=Fraction(0)
    )


def top(format, value):
    """Exponent above a number, that of the largest subnormal at least; of a product the sum."""
    exponent = math.frexp(abs(float(value)))[1] if value else -(10**6)
    if format.kind == "float":
        return max(exponent, 2 - format.bias)
    if format.kind == "fixed":
        largest = 1 << (format.width - format.signed)
        return (largest if format.signed else largest - 1).bit_length() - format.fraction_width
    return exponent


def in_window(terms, tops, width):
    """Terms without what lies below the window."""
    largest = max((t for t, v in zip(tops, terms, strict=True) if v), default=0)
    unit = Fraction(2) ** (largest - width)
    return [v if isinstance(v, float) else int(v / unit) * unit for v in terms]


def answer(spec, codes):
    """The code of one item."""
    values = {name: decode(format, codes[name]) for name, format in spec.operands().items()}
    pairs = [(values[f"a{i}"], values[f"b{i}"]) for i in range(spec.terms)]
    terms = [product(x, y) for x, y in pairs]
    finite = all(not isinstance(t, float) for t in terms)
    tops = [top(spec.a, x) + top(spec.b, y) for x, y in pairs] if finite else []
    if spec.c is not None:
        c = values["c"]
        terms.append(Fraction(0) if c == 0 else c)
        finite = finite and not isinstance(terms[-1], float)
        tops = [*tops, top(spec.c, c)] if finite else []
    if spec.accumulation == "window" and finite:
        terms = in_window(terms, tops, spec.window)
    return encode(spec.target, total(terms), spec, codes.get("random", 0))


ONCE = {
    "one term": {"terms": 1},
    "floats": {"terms": 3, "c": "fp16", "result": "e5m7"},
    "no infinities": {"terms": 2, "a": "fp6_e2m3", "b": "e3m2_fnuz", "result": "fp8_e4m3"},
    "weights of integers": {"terms": 3, "a": "int4", "b": "fp8_e5m2", "c": "uint5"},
    "stochastic": {"terms": 2, "rounding": "stochastic", "random_width": 5},
    "flushed": {"terms": 2, "a": "e3m2_flush", "b": "e2m1", "result": "e4m3_flush"},
    "fixed": {"terms": 5, "a": "sfix5_en2", "b": "uint3", "c": "sfix9_en7"},
    "rounded fixed": {"terms": 3, "a": "int5", "b": "int3", "result": "sfix6_en-2"},
    "saturated": {"terms": 3, "a": "fp8_e4m3", "b": "int2", "result": "int7"},
    "binary": {"terms": 16, "a": "binary", "b": "binary"},
    "ternary": {"terms": 7, "a": "ternary", "b": "int3", "c": "int6"},
    "window": {"terms": 3, "accumulation": "window", "window": 7, "c": "fp16"},
    "narrow window": {"terms": 5, "accumulation": "window", "window": 2},
    "window of integers": {
        **{"terms": 3, "a": "int5", "b": "fp8_e5m2", "accumulation": "window", "window": 11},
    },
    "wide window": {"terms": 2, "accumulation": "window", "window": 60, "c": "fp8_e5m2"},
    "infinities": {
        **{"terms": 2, "a": "fp8_e5m2", "b": "fp8_e5m2", "accumulation": "window", "window": 9},
    },
}


@pytest.mark.parametrize("kind", ONCE)
def test_one_rounding_of_fractions(kind):
    spec = dot(**ONCE[kind])
    codes = spec.items(300, np.random.default_rng(5))
    found = spec.golden(**codes)["result"]
    for index, code in enumerate(found.tolist()):
        item = {name: int(values[index]) for name, values in codes.items()}
        assert code == answer(spec, item), item


@pytest.mark.parametrize("kind", ONCE)
def test_hardware_equals_golden(kind):
    check([dot(**ONCE[kind])], count=2000)


OTHER_SYSTEMS = {
    "posits": {"a": "posit5_1", "b": "posit4_0", "terms": 2, "c": "posit6_2"},
    "posits in a window": {
        **{"a": "posit6_2", "b": "int3", "terms": 3, "accumulation": "window", "window": 5},
    },
    "posits in chunks": {"a": "posit5_0", "b": "posit5_0", "terms": 3, "accumulation": "chunked"},
    "P3109": {"a": "binary5p3", "b": "binary4p1u", "terms": 3, "c": "binary6p2f"},
    "P3109 in a window": {
        **{"a": "binary5p2uf", "b": "binary6p4", "terms": 3, "result": "fp16"},
        **{"accumulation": "window", "window": 6},
    },
    "DLFloat": {"a": "dlfloat16", "b": "uint2", "terms": 2, "accumulation": "window", "window": 13},
}


@pytest.mark.parametrize("kind", OTHER_SYSTEMS)
def test_other_number_systems_in_hardware(kind):
    check([dot(**OTHER_SYSTEMS[kind])], count=1500)


STEPWISE = {
    "tree": {"accumulation": "tree", "terms": 5, "partial": "e5m4", "c": "bf16"},
    "tree of one": {"accumulation": "tree", "terms": 1, "product": "e5m1"},
    "tree of integers": {
        **{"accumulation": "tree", "terms": 3, "a": "int4", "b": "uint3"},
        **{"partial": "sfix5_en-1", "overflow": "saturate", "result": "int8"},
    },
    "chunks": {"accumulation": "chunked", "terms": 5, "chunk": 2, "partial": "fp16"},
    "cascade": {"accumulation": "chunked", "terms": 3, "chunk": 8, "product": "e4m2", "c": "fp16"},
    "down": {"accumulation": "chunked", "terms": 4, "chunk": 3, "rounding": "down"},
}


@pytest.mark.parametrize("kind", STEPWISE)
def test_rounded_steps_in_hardware(kind):
    check([dot(**STEPWISE[kind])], count=1200)


def half(values):
    return np.asarray(values, np.float16)


def test_rounded_steps_are_those_of_numpy():
    """Of fp16 operands every step is a NumPy operation in float16."""
    formats = dict.fromkeys(("a", "b", "c", "product", "result"), "fp16")
    options = {"terms": 7, "accumulation": "chunked", "chunk": 3, **formats}
    tree = dot(**options | {"accumulation": "tree"})
    codes = tree.items(3000, np.random.default_rng(8))
    x = {name: values.astype(np.uint16).view(np.float16) for name, values in codes.items()}
    with np.errstate(all="ignore"):
        p = [half(x[f"a{i}"] * x[f"b{i}"]) for i in range(7)]
        chunks = [(p[0] + p[1]) + p[2], (p[3] + p[4]) + p[5], p[6]]
        wanted = {
            "tree": (((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + p[6])) + x["c"],
            "chunked": ((x["c"] + chunks[0]) + chunks[1]) + chunks[2],
        }
    for accumulation, value in wanted.items():
        spec = dot(**options | {"accumulation": accumulation})
        found = spec.golden(**codes)["result"].astype(np.uint16).view(np.float16)
        np.testing.assert_array_equal(found, value)


def test_pipelines():
    check([dot(terms=3, c="fp16"), dot(terms=3, accumulation="window")], Timing(period_ns=6.0), 400)
    fixed = {"a": "int6", "b": "int5", "c": "int12", "terms": 5}
    check(
        [dot(**fixed, multiplier=m) for m in ("dsp", "tree", "fused")], Timing(period_ns=5.0), 400
    )


def test_a_window_loses_less_than_it_says():
    spec = dot(terms=6, accumulation="window", window=8, result="fp32", a="e4m3", b="e4m3")
    codes = spec.items(400, np.random.default_rng(1))
    found = spec.result.decode(spec.golden(**codes)["result"])
    most = 0.0
    for index in range(400):
        pairs = [
            [decode(f, int(codes[f"{n}{i}"][index])) for n, f in (("a", spec.a), ("b", spec.b))]
            for i in range(6)
        ]
        terms = [product(x, y) for x, y in pairs]
        if any(isinstance(term, float) for term in terms):
            continue
        largest = max((top(spec.a, x) + top(spec.b, y) for x, y in pairs if x * y), default=-100)
        lost = abs(Fraction(float(found[index])) - sum(terms)) / Fraction(2) ** (largest - 8)
        assert lost < 6
        most = max(most, float(lost))
    assert most > 1
    assert spec.facts()["sums"].startswith("rounded once; before that each of 6 terms loses less")


def test_a_zero_does_not_move_the_window():
    """448 * 0 has a large exponent and no value: what is small beside it must not be cut off."""
    spec = dot(terms=2, accumulation="window", window=4, result="fp32")
    one, zero, largest, smallest = 0x38, 0x00, 0x7E, 0x08
    codes = {"a0": [largest], "b0": [zero], "a1": [smallest], "b1": [one]}
    codes = {name: np.array(values, np.uint64) for name, values in codes.items()}
    assert spec.result.decode(spec.golden(**codes)["result"])[0] == 2.0**-6
    assert Gates(spec).run(codes)["result"] == spec.golden(**codes)["result"]


def test_another_order_of_rounded_sums_is_noticed(monkeypatch):
    """Golden has an order of its own, and does not ask the datapath for it."""
    monkeypatch.setattr(stepwise, "balanced_tree", lambda sums, added: reduce(added, sums))
    with pytest.raises(AssertionError, match=" of .* wrong"):
        check([dot(terms=4, accumulation="tree")], count=1500)


@pytest.mark.parametrize("fault", ["window", "flags", "zero"])
def test_planted_faults_are_noticed(monkeypatch, fault):
    kind = {"terms": 3, "accumulation": "window", "window": 9, "a": "fp8_e5m2", "b": "fp8_e5m2"}
    if fault == "window":
        right = sum_of_many._word
        monkeypatch.setattr(
            *(sum_of_many, "_word"),
            lambda plan, addend, place, largest, width, high: right(
                plan, addend, largest, place, width, high
            ),
        )
    elif fault == "flags":
        monkeypatch.setattr(sum_of_many, "_with_specials", lambda plan, total, numbers: total)
    else:
        monkeypatch.setattr(sum_of_many, "zero_of", lambda plan, number: plan.constant(0, 1))
    with pytest.raises(AssertionError, match=" of .* wrong"):
        check([dot(**kind)], count=3000)


@pytest.mark.parametrize(
    "texts, message",
    [
        ({"terms": 0}, "terms must be between 1 and 256, not 0"),
        ({"accumulation": "tree", "rounding": "stochastic"}, "rounding must be another than"),
        ({"partial": "fp16"}, "partial must be left out with accumulation exact"),
        ({"a": "int8", "b": "int8", "accumulation": "window"}, "accumulation must be exact if all"),
        ({"multiplier": "fused"}, "multiplier must be another than fused"),
        (
            {"a": "fp32", "b": "fp32", "c": "e8m7_bias900"},
            "the exact sum must have at most 1024 bits, not ",
        ),
    ],
)
def test_refusals(texts, message):
    with pytest.raises(RequestError) as caught:
        dot(**texts)
    assert message in str(caught.value)
