"""Operators on blocks: golden against fractions one block at a time, hardware against golden."""

import math
from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from fraction_operators import decode, encode
from hardware import check, make

from holigrail_hw.arith.dequantize_block import DequantizeBlock
from holigrail_hw.arith.dot_product.operator import DotProduct
from holigrail_hw.arith.quantize_block import QuantizeBlock
from holigrail_hw.core import RequestError, Timing, operators
from holigrail_hw.formats import parse
from holigrail_hw.hdl.number import block as block_hardware
from holigrail_hw.hdl.number import block_scale
from holigrail_hw.hdl.shapes import shape_of

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

FP4, SMALL = "block2_fp4_e2m1_e8m0", "block3_fp4_e2m1_e8m0"


def elements(block, code):
    width = block.element.width
    return [code >> (i * width) & ((1 << width) - 1) for i in range(block.block_size)]


def scale_number(block, code):
    """The scale of a code, NaN if it is not finite."""
    if block.scale is None:
        return Fraction(1)
    code >>= block.block_size * block.element.width
    if block.scale.name == "e8m0":
        return math.nan if code == 255 else Fraction(2) ** (code - 127)
    found = decode(block.scale, code)
    return found if abs(found) < math.inf else math.nan


def times(x, y):
    """A product of Fractions, and of floats for what is none."""
    if x != x or y != y or (math.inf in (abs(x), abs(y)) and 0 in (x, y)):
        return math.nan
    if math.inf in (abs(x), abs(y)):
        return math.inf if (x > 0) == (y > 0) else -math.inf
    negative = (math.copysign(1, x) < 0) != (math.copysign(1, y) < 0)
    product = Fraction(x) * Fraction(y)
    return -0.0 if product == 0 and negative else product


def numbers(block, code):
    scale = scale_number(block, code)
    return [times(scale, decode(block.element, e)) for e in elements(block, code)]


def total(terms):
    """The sum, +0 for zero; NaN for NaN and for infinities of both signs."""
    odd = [t for t in terms if t != t or abs(t) == math.inf]
    return sum(odd, start=0.0) if odd else sum(map(Fraction, terms), start=Fraction(0))


LONG = pytest.mark.heavy


def some_long(kinds, *long):
    """Those that take long as heavy cases."""
    return [pytest.param(kind, marks=LONG) if kind in long else kind for kind in kinds]


DEQUANTIZE = {
    "floats": {"source": SMALL, "result": "fp16"},
    "rounded": {"source": "block2_fp6_e3m2_e8m0", "result": "fp8_e4m3", "rounding": "up"},
    "stochastic": {"source": SMALL, "result": "e5m1", "rounding": "stochastic", "random_width": 3},
    "fixed elements": {"source": "block3_sfix5_en3_e8m0", "result": "int6"},
    "float scale": {"source": "block3_fp8_e5m2_fp8_e5m2", "result": "fp16"},
    "vector": {"source": "block3_fp8_e4m3", "result": "int5", "overflow": "wrap"},
    "integers alone": {"source": "block2_int4_uint3", "result": "int8"},
    "nvfp4": {"source": "nvfp4", "result": "bf16"},
}


@pytest.mark.parametrize("kind", DEQUANTIZE)
def test_dequantised_numbers_are_fractions(kind):
    spec = make(DequantizeBlock, **DEQUANTIZE[kind])
    codes = spec.items(80, np.random.default_rng(3))
    found = spec.golden(**codes)["result"].tolist()
    for index, code in enumerate(codes["x"].tolist()):
        words = [0] * spec.block.block_size
        if "random" in codes:
            words = elements(spec.inputs()["random"], int(codes["random"][index]))
        wanted = [
            encode(spec.result, value, spec, word)
            for value, word in zip(numbers(spec.block, code), words, strict=True)
        ]
        assert elements(spec.numbers, found[index]) == wanted, hex(code)


@pytest.mark.parametrize("kind", some_long(DEQUANTIZE, "nvfp4", "float scale", "rounded"))
def test_dequantise_in_hardware(kind):
    check([make(DequantizeBlock, **DEQUANTIZE[kind])], count=600)


QUANTIZE = {
    "floats": {"source": "bf16", "result": SMALL},
    "integers": {"source": "int9", "result": "block3_fp8_e4m3_e8m0"},
    "fixed elements": {"source": "fp8_e5m2", "result": "block3_sfix8_en6_e8m0", "rounding": "up"},
    "float scale": {"source": "fp16", "result": "block3_fp4_e2m1_fp8_e4m3"},
    "wide scale": {"source": "fp8_e4m3", "result": "block2_int4_bf16"},
    "integer scale": {"source": "sfix6_en-2", "result": "block2_uint3_uint4"},
}


def scale_candidates(scale):
    """Finite numbers of a scale format that are not negative, with their codes, ascending."""
    if scale.name == "e8m0":
        return [(Fraction(2) ** (c - 127), c) for c in range(255)]
    found = [(decode(scale, c), c) for c in range(1 << scale.width)]
    kept = [(Fraction(v), c) for v, c in found if abs(v) < math.inf and math.copysign(1, v) > 0]
    return sorted(kept)


def best_scale(block, rule, most):
    """The code of the scale, by a search over all of them."""
    largest = block.element.number_range[1]
    candidates = scale_candidates(block.scale)
    if rule == "floor":
        wanted = Fraction(0)
        if most:
            wanted = Fraction(2) ** (math.floor(math.log2(most)) - math.floor(math.log2(largest)))
        below = [c for c in candidates if c[0] <= wanted]
        return (below or candidates)[-1 if below else 0]
    wanted = most / largest
    if rule == "ceil":
        above = [c for c in candidates if c[0] >= wanted]
        return (above or candidates)[0 if above else -1]
    return min(candidates, key=lambda c: (abs(c[0] - wanted), c[1] % 2))


def clipped(value, low, high):
    return value if value == 0 else min(max(value, low), high)


@pytest.mark.parametrize("rule", ["floor", "ceil", "nearest"])
@pytest.mark.parametrize(
    "kind", some_long([k for k in QUANTIZE if k != "wide scale"], "integers", "fixed elements")
)
def test_quantised_blocks_by_search(kind, rule):
    spec = make(QuantizeBlock, scale_rule=rule, **QUANTIZE[kind])
    block, size = spec.block, spec.block.block_size
    codes = spec.items(60, np.random.default_rng(4))
    low, high = block.element.number_range
    for code, got in zip(codes["x"].tolist(), spec.golden(**codes)["result"].tolist(), strict=True):
        values = numbers(spec.numbers, code)
        if any(abs(v) == math.inf or v != v for v in values):
            assert got >> (size * block.element.width) == int(block.scale.encode(math.nan))
            assert elements(block, got) == [0] * size
            continue
        number, scale = best_scale(block, rule, max(abs(Fraction(v)) for v in values))
        assert got >> (size * block.element.width) == scale, values
        quotients = (
            [v if v == 0 else Fraction(v) / number for v in values] if number else [0] * size
        )
        wanted = [encode(block.element, clipped(q, low, high), spec, 0) for q in quotients]
        assert elements(block, got) == wanted, values


@pytest.mark.parametrize("rule", ["floor", "ceil", "nearest"])
@pytest.mark.parametrize(
    "kind", some_long(QUANTIZE, "wide scale", "integers", "integer scale", "fixed elements")
)
def test_quantise_in_hardware(kind, rule):
    check([make(QuantizeBlock, scale_rule=rule, **QUANTIZE[kind])], count=500)


@LONG
def test_other_number_systems_quantised_in_hardware():
    stochastic = {"rounding": "stochastic", "random_width": 4}
    check(
        [
            make(QuantizeBlock, source="posit8_2", result="block2_int4_e8m0"),
            make(QuantizeBlock, source="fp8_e4m3", result="block2_posit6_1_binary6p1u"),
            make(QuantizeBlock, source="e8m0", result=FP4),
            make(QuantizeBlock, source="fp8_e4m3", result=FP4, **stochastic),
            make(QuantizeBlock, source="e4m3_fnuz_flush", result="block2_binary6p3_e8m0"),
        ],
        count=500,
    )


DOTS = {
    "one block": {"a": SMALL, "b": SMALL},
    "addend": {"a": SMALL, "b": SMALL, "c": "fp16", "result": "bf16"},
    "two blocks": {"a": FP4, "b": "block2_fp6_e2m3_e8m0", "terms": 2, "result": "fp8_e5m2"},
    "block and floats": {"a": SMALL, "b": "block3_fp16"},
    "block and integers": {"a": "block4_sfix8_en6_e8m0", "b": "block4_int3"},
    "infinities": {"a": "block2_fp8_e5m2_fp8_e4m3", "b": "block2_fp8_e5m2_fp8_e5m2"},
    "signed scales": {"a": "block2_fp4_e2m1_fp8_e4m3", "b": "block2_int4_fp6_e3m2", "terms": 2},
    "integers alone": {"a": "block2_int8", "b": "block2_int4", "terms": 2, "result": "int16"},
}


@pytest.mark.parametrize("kind", DOTS)
def test_dot_products_are_fractions_rounded_once(kind):
    spec = make(DotProduct, **{"terms": 1, **DOTS[kind]})
    codes = spec.items(80, np.random.default_rng(6))
    found = spec.golden(**codes)["result"].tolist()
    for index, got in enumerate(found):
        item = {name: int(values[index]) for name, values in codes.items()}
        terms = []
        for i in range(spec.terms):
            x, y = numbers(spec.a, item[f"a{i}"]), numbers(spec.b, item[f"b{i}"])
            terms += [times(p, q) for p, q in zip(x, y, strict=True)]
        terms += [decode(spec.c, item["c"])] if spec.c is not None else []
        assert got == encode(spec.target, total(terms), spec, 0), item


def test_rounded_accumulation_is_that_of_fractions():
    """Chunks of blocks: each step adds an exact block product and rounds."""
    spec = make(DotProduct, a=FP4, b=FP4, terms=3, c="bf16", accumulation="chunked", chunk=2)
    codes = spec.items(80, np.random.default_rng(6))
    for index, got in enumerate(spec.golden(**codes)["result"].tolist()):
        item = {name: int(values[index]) for name, values in codes.items()}
        products = [
            total(list(map(times, *(numbers(spec.a, item[f"{n}{i}"]) for n in "ab"))))
            for i in range(3)
        ]

        def rounded(value):
            return decode(spec.target, encode(spec.target, value, spec, 0))

        first = rounded(total([rounded(products[0]), products[1]]))
        wanted = reduce(
            lambda x, y: rounded(total([x, y])),
            [decode(spec.c, item["c"]), first, rounded(products[2])],
        )
        mine = decode(spec.target, got)
        assert mine == wanted or (mine != mine and wanted != wanted)


STEPS = {
    "tree": {"accumulation": "tree", "c": "fp16", "partial": "bf16"},
    "chunks": {"accumulation": "chunked", "chunk": 2, "c": "bf16"},
    "cascade": {
        "accumulation": "chunked",
        "product": "bf16",
        "partial": "fp16",
        "rounding": "down",
    },
    "window": {"accumulation": "window", "window": 9, "c": "fp16"},
}


@pytest.mark.parametrize("kind", some_long(DOTS, "two blocks", "addend"))
def test_dot_products_in_hardware(kind):
    check([make(DotProduct, **{"terms": 1, **DOTS[kind]})], count=600)


@pytest.mark.parametrize("kind", some_long(STEPS, "tree", "chunks"))
def test_accumulation_over_blocks_in_hardware(kind):
    check([make(DotProduct, a=FP4, b=FP4, terms=3, **STEPS[kind])], count=500)


@LONG
def test_windows_with_other_scales_in_hardware():
    window = {"terms": 2, "accumulation": "window", "window": 11}
    check(
        [
            make(DotProduct, a="block3_uint4_bf16", b="block3_int3_uint4", **window),
            make(DotProduct, a="block2_fp8_e5m2_fp8_e4m3", b="block2_int3_binary8p1u", **window),
            make(DotProduct, a="block2_posit5_1_e8m0", b="block2_binary_e8m0", **window),
        ],
        count=400,
    )


@LONG
@pytest.mark.parametrize("name", ["mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxint8", "nvfp4"])
def test_published_blocks_in_hardware(name):
    check(
        [
            make(DotProduct, a=name, b=name, terms=1),
            make(QuantizeBlock, source="bf16", result=name),
            make(DequantizeBlock, source=name),
        ],
        count=1500,
    )


def test_pipelines():
    check(
        [
            make(DotProduct, a=SMALL, b=SMALL, terms=1, c="fp16", accumulation="chunked"),
            make(QuantizeBlock, result=FP4),
            make(DequantizeBlock, source=FP4),
        ],
        Timing(period_ns=6.0),
        300,
    )


@pytest.mark.parametrize("fault", ["scale", "special", "zero", "larger", "dead"])
def test_planted_faults_are_noticed(monkeypatch, fault):
    spec = make(DotProduct, a=SMALL, b=SMALL, terms=1)
    if fault == "scale":
        monkeypatch.setattr(block_hardware, "scaled", lambda plan, number, scale: number)
    elif fault == "special":
        right = block_hardware.any_of
        monkeypatch.setattr(block_hardware, "any_of", lambda plan, name, *b: right(plan, name))
    elif fault == "zero":
        spec = make(DotProduct, a="block2_int3_fp8_e5m2", b="block2_int3", terms=1)
        zero = lambda plan, number: plan.constant(0, 1)  # noqa: E731
        monkeypatch.setattr(block_hardware, "zero_of", zero)
    elif fault == "larger":
        spec = make(QuantizeBlock, result=FP4)
        monkeypatch.setattr(block_scale, "balanced_tree", lambda nodes, join: nodes[0])
    else:
        spec = make(QuantizeBlock, result=FP4)
        monkeypatch.setattr(block_scale, "_finite", lambda number, **changes: number)
        right = block_scale.any_of
        monkeypatch.setattr(block_scale, "any_of", lambda plan, name, *b: right(plan, name, b[0]))
    with pytest.raises(AssertionError, match=" of .* wrong"):
        check([spec], count=2000)


SIZES = "b must hold 3 numbers as block3_fp4_e2m1_e8m0 does, not 16 as nvfp4"
SINGLE = "must be a format of single numbers, not mxint8, which is for operators on blocks"


@pytest.mark.parametrize(
    ("name", "texts", "message"),
    [
        ("dot-product", {"a": SMALL, "b": "nvfp4"}, SIZES),
        ("dot-product", {"a": SMALL, "b": "int8"}, "b must be a block of 3 numbers as"),
        ("dot-product", {"a": "int8", "b": SMALL}, "; block3_int8 is one"),
        ("dot-product", {"a": SMALL, "b": SMALL, "c": "mxint8"}, f"c {SINGLE}"),
        ("dot-product", {"a": SMALL, "b": SMALL, "terms": 256, "c": "e8m7_bias900"}, "1024 bits"),
        ("add", {"a": "mxint8"}, f"a {SINGLE}"),
        ("mac", {"b": "mxint8"}, f"b {SINGLE}"),
        ("compare", {"a": "mxint8"}, f"a {SINGLE}"),
        ("quantize-block", {"source": "mxint8"}, f"source {SINGLE}"),
        ("quantize-block", {"result": "int8"}, "result must be a block format, such as mxfp8_e4m3"),
        ("quantize-block", {"result": "block2_int8"}, "result must be a block with a scale, not"),
        (
            "quantize-block",
            {"result": "block2_int8_uint4"},
            "the scale must have NaN where",
        ),
        ("dequantize-block", {"source": "fp16"}, "source must be a block format, such as"),
        ("dequantize-block", {"result": "mxint8"}, f"result {SINGLE}"),
        (
            "quantize-block",
            {"result": "block2_posit8_2_e8m0", "rounding": "stochastic_c"},
            "rounding must not be stochastic_c where element is posit8_2, a posit number",
        ),
    ],
)
def test_refusals(name, texts, message):
    with pytest.raises(RequestError) as caught:
        make(operators()[name], **texts)
    assert message in str(caught.value)


def test_ports_are_structures_with_named_fields():
    block = shape_of(parse("mxfp4_e2m1"))
    assert set(dict(block)) == {"elements", "scale"} and block.size == 136
    assert block["elements"].shape.length == 32 and block.number_format == parse("mxfp4_e2m1")
    assert set(dict(shape_of(parse("block3_int5")))) == {"elements"}
