"""Matrix products of floats on the engine: order of additions, exact sums, and MPTorch's answer."""

from functools import cache

import numpy as np
import pytest
from hardware import make
from test_gemm_engine import FAST, GoldenLink, ShortLink, check_against_golden

from holigrail_hw.arrays.gemm.host import GemmHost
from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.simulate.compiled import Compiled, compile_all
from holigrail_hw.flow.verify import verify
from holigrail_hw.formats import parse
from holigrail_hw.golden import equals_via_float32, gemm

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

SMALL = {"rows": 2, "columns": 1, "activation_depth": 12, "accumulator_depth": 5}
REQUESTS = {
    "sequential": (
        make(
            Gemm,
            **SMALL,
            activation="e2m1",
            weight="e2m1",
            accumulator="e4m3",
            order="sequential",
            requantiser="none",
        ),
        Timing(),
    ),
    "tiles": (
        make(
            Gemm,
            **SMALL,
            activation="e2m1",
            weight="int2",
            accumulator="e3m3",
            accumulation="cascade",
            result="e2m1",
        ),
        FAST,
    ),
    "exact": (
        make(
            Gemm,
            **SMALL,
            activation="fp4_e2m1",
            weight="e3m2",
            accumulation="exact",
            result="e4m3",
        ),
        Timing(),
    ),
}


@cache
def designs() -> dict[str, Compiled]:
    return dict(zip(REQUESTS, compile_all(list(REQUESTS.values()), short=True), strict=True))


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.heavy
def test_hardware_equals_golden_in_the_cycles_promised(name):
    check_against_golden(designs()[name], 120)


def operands(a, b, shape, seed=1):
    """Normal numbers, rounded to the formats."""
    (m, k, n), rng = shape, np.random.default_rng(seed)
    codes = (f.encode(rng.normal(size=s)) for f, s in ((a, (m, k)), (b, (k, n))))
    return [format.decode(code) for format, code in zip((a, b), codes, strict=True)]


def mptorch(spec, a, b, chunk=None):
    """MPTorch's CPU kernel (chunk None), or its GPU kernel (8)."""
    x, y = spec.activation.unpack(spec.activation.encode(a)), spec.weight.unpack(
        spec.weight.encode(b)
    )  # fmt: skip
    codes = gemm(x, y, spec.accumulator, product=spec.product, chunk=chunk, mode="mptorch")
    return spec.accumulator.decode(codes)


def same(one, other):
    """Bit for bit, signs of zeros too."""
    return np.array_equal(one.view(np.int64), np.asarray(other, np.float64).view(np.int64))


# Factor, product (None: fused), accumulator; the engine is MPTorch, provably.
EQUAL = [
    ("e4m3", None, "e5m10"),
    ("fp8_e5m2", None, "fp16"),
    ("e4m3", None, "e5m10_sat"),
    ("fp8_e4m3", "fp8_e4m3", "fp8_e4m3"),
    ("fp8_e5m2", "fp8_e5m2", "fp16"),
    ("e3m2", "e5m7", "e6m9"),
]


@pytest.mark.parametrize("order", ["sequential", "tiles"])
@pytest.mark.parametrize("formats", EQUAL)
def test_the_engine_is_mptorch_bit_for_bit(formats, order):
    """In order along K as on a CPU; an array of 8 rows adds chunks of 8 as on a GPU."""
    factor, product, accumulator = formats
    texts = {"accumulation": "cascade", "product": product} if product else {}
    shape = {"rows": 8, "columns": 4, "activation_depth": 64, "accumulator_depth": 8}
    spec = make(
        Gemm,
        **shape,
        **texts,
        activation=factor,
        weight=factor,
        accumulator=accumulator,
        order=order,
        requantiser="none",
    )
    chunk = 8 if order == "tiles" else None
    one = parse(factor)
    assert equals_via_float32(one, one, spec.accumulator, spec.product, chunked=bool(chunk))
    a, b = operands(one, one, (11, 43, 6))
    found = GemmHost(GoldenLink(spec)).multiply(a, b)
    assert same(found, mptorch(spec, a, b, chunk))


def test_the_hardware_is_mptorch_and_a_wrong_order_is_not():
    spec = REQUESTS["sequential"][0]
    a, b = operands(spec.activation, spec.weight, (9, 23, 3), seed=4)
    with ShortLink(designs()["sequential"]) as link:
        found = GemmHost(link).multiply(a, b)
    assert same(found, mptorch(spec, a, b))
    assert not same(found, mptorch(spec, a, b, chunk=2))


def test_combinations_without_proof():
    """Nearly equal only: scripts/bench_gemm_semantics counts how many steps differ."""
    for factor, product, accumulator in [
        ("fp16", None, "fp16"),
        ("bf16", None, "e8m15"),
        ("fp8_e4m3", None, "fp32"),
    ]:
        one, wide = parse(factor), parse(accumulator)
        assert not equals_via_float32(one, one, wide, product)


def test_an_exact_sum_is_rounded_once():
    """Against sums that float64 holds exactly, then one rounding; two large terms cancel."""
    spec = REQUESTS["exact"][0]
    a, b = operands(spec.activation, spec.weight, (6, 24, 5), seed=2)
    a[:, 3], a[:, 17], b[3], b[17] = 6, -6, 12, 12
    wanted = spec.result.decode(spec.result.encode(a @ b))
    assert np.array_equal(GemmHost(GoldenLink(spec)).multiply(a, b), wanted)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"accumulator": "int20"}, "accumulator must be a float for fused sums, not int20"),
        (
            {"requantiser": {"mode": "double"}},
            "requantiser.mode must be left out: convert has none",
        ),
        (
            {"accumulation": "exact", "accumulator": "fp32"},
            "accumulator must be sfix45_en18 and order tiles for exact sums, which nothing changes,"
            " not fp32 and tiles",
        ),
        (
            {"sum_rounding": "stochastic"},
            "sum_rounding must not be stochastic in an array, which has no random words",
        ),
    ],
)
def test_refusals(texts, message):
    with pytest.raises(RequestError) as caught:
        make(Gemm, activation="fp8_e4m3", weight="fp8_e4m3", **texts)
    assert message in str(caught.value)


@pytest.mark.parametrize("accumulation", ["fused", "cascade", "exact"])
@pytest.mark.parametrize("rounding", ["nearest_zero", "nearest_up", "away_from_zero"])
def test_results_of_floats_are_rounded_as_floats_are(accumulation, rounding):
    """These modes are for integers that were scaled."""
    with pytest.raises(RequestError) as caught:
        Gemm(
            activation="fp8_e4m3",
            weight="fp4_e2m1",
            accumulation=accumulation,
            requantiser={"rounding": rounding},
        )
    assert str(caught.value) == (
        "gemm: requantiser.rounding must be one of nearest_even, nearest_away, toward_zero, up,"
        f" down, to_odd, stochastic, stochastic_b, stochastic_c, not {rounding}"
    )


@pytest.mark.heavy
@pytest.mark.parametrize(
    "texts",
    [
        {"activation": "posit6_1", "weight": "posit6_1"},
        {"activation": "posit5_0", "weight": "posit5_0", "accumulator": "quire5_0"},
        {"activation": "binary6p3", "weight": "int4"},
    ],
    ids=["posits", "a quire", "P3109"],
)
def test_other_number_systems(texts):
    shape = {"rows": 2, "columns": 2, "activation_depth": 16, "accumulator_depth": 8}
    (level,) = verify.run(make(Gemm, **shape, **texts), levels=["compiled"]).levels
    assert level.vectors > 10_000
