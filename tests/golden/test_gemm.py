"""Matrix products: against NumPy, against one step at a time, and against MPTorch's CPU rule.

MPTorch's rule is written here from its description (mptorch/mptorch, version 0.3.0), in float32.
"""

import doctest
import itertools
import sys

import numpy as np
import pytest

from holigrail_hw.formats import FloatFormat, parse
from holigrail_hw.golden import accumulate, equals_via_float32, gemm
from holigrail_hw.golden.gemm import via_float32

M, K, N = 6, 40, 7


def mptorch_round(x, exponent_width, fraction_width, subnormals, saturate):
    """Its quantiser "nearest", on float32; float64 holds every intermediate exactly."""
    x = np.asarray(x, np.float32)
    bias = (1 << (exponent_width - 1)) - 1
    emin, m = 1 - bias, fraction_width
    largest = (2 - 2.0**-m) * 2.0**bias
    wide = np.abs(x.astype(np.float64))
    finite = np.isfinite(wide)
    mantissa, exponent = np.frexp(np.where(finite, wide, 1))
    exponent = exponent - 1

    def to_multiple(unit):
        return np.rint(np.where(finite, wide, 1) / unit) * unit

    rounded = to_multiple(np.ldexp(1.0, exponent - m))
    if subnormals:
        small = to_multiple(2.0 ** (emin - m))
    else:
        r_exponent = np.frexp(np.where(rounded == 0, 1, rounded))[1] - 1
        jumps = (rounded < 2.0**emin) & (r_exponent == emin - 1) & (mantissa * 2 - 1 > 0.5)
        small = np.where(rounded >= 2.0**emin, rounded, np.where(jumps, 2.0**emin, 0))
    result = np.where(wide >= 2.0**emin, rounded, small)
    over = largest if saturate else np.inf
    result = np.where(result > largest, over, result)
    result = np.where(x < 0, -result, result)
    return np.where(finite, result, x).astype(np.float32)


def float32_fma(a, b, c):
    """a*b + c rounded once: the float64 sum is rounded to odd first (Boldo, Melquiond, 2008)."""
    product, c = a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)
    total = product + c
    back = total - product
    error = (product - (total - back)) + (c - back)
    is_even = (total.view(np.int64) & 1) == 0
    odd = np.nextafter(total, np.where(error > 0, np.inf, -np.inf))
    return np.where((error != 0) & is_even & np.isfinite(total), odd, total).astype(np.float32)


def mptorch_gemm(a, b, add, multiply=None, subnormals=True, saturate=False):
    """Its CPU kernel on float32 matrices; ``add`` and ``multiply`` are (exponent, man) widths."""
    total = np.zeros((len(a), b.shape[1]), np.float32)
    for k in range(a.shape[1]):
        x, y = a[:, k : k + 1], b[k : k + 1]
        x, y = np.broadcast_arrays(x, y)
        with np.errstate(over="ignore", invalid="ignore"):
            if multiply is None:
                total = mptorch_round(float32_fma(x, y, total), *add, subnormals, saturate)
            else:
                product = mptorch_round(x * y, *multiply, subnormals, saturate)
                total = mptorch_round(total + product, *add, subnormals, saturate)
    return total


def operands(a, b, seed, scale=1.0):
    """Random finite codes of two formats, about normally distributed."""
    rng = np.random.default_rng(seed)
    shapes = (M, K), (K, N)
    largest = [float(format.decode(format.largest_code)) for format in (a, b)]
    values = [rng.normal(size=shape) * scale for shape in shapes]
    return tuple(
        format.encode(np.clip(value, -top, top))
        for format, value, top in zip((a, b), values, largest, strict=True)
    )


def name_of(widths, subnormals, saturate):
    options = "" if subnormals else "_flush"
    return f"e{widths[0]}m{widths[1]}" + options + ("_sat" if saturate else "")


@pytest.mark.parametrize(
    ("a", "b", "accumulator"),
    [("int8", "int8", "int32"), ("uint8", "int4", "int20"), ("int16", "int16", "int64")]
    + [("binary", "int8", "int16"), ("ternary", "ternary", "int8"), ("sfix8_en4", "int8", "int9")],
)
def test_integers_equal_numpy(a, b, accumulator):
    a, b, accumulator = map(parse, (a, b, accumulator))
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 1 << a.width, (M, K)), rng.integers(0, 1 << b.width, (K, N))
    scale = 2 ** getattr(a, "fraction_width", 0)
    wanted = (a.decode(x) * scale).astype(np.int64) @ b.decode(y).astype(np.int64)
    if scale > 1:
        # The accumulator has no fraction bits, so every product is rounded: no NumPy twin.
        steps = gemm(a.unpack(x), b.unpack(y), accumulator, overflow="wrap")
        x3 = a.unpack(x.T[:, :, None])
        assert np.array_equal(
            steps, accumulate(x3, b.unpack(y[:, None]), accumulator, overflow="wrap")[-1]
        )
        return
    got = gemm(a.unpack(x), b.unpack(y), accumulator, overflow="wrap")
    mask = np.uint64((1 << accumulator.width) - 1)
    assert np.array_equal(got, wanted.astype(np.uint64) & mask)
    if accumulator.width >= 32:
        saturated = gemm(a.unpack(x), b.unpack(y), accumulator, overflow="saturate")
        assert np.array_equal(saturated, got)


def test_integers_at_their_limits():
    low = parse("int16").unpack(np.full((2, 5), 1 << 15))
    got = gemm(low, low.reshape(5, 2), parse("int32"), overflow="wrap")
    assert got.tolist() == [[5 * 2**30 % 2**32] * 2] * 2
    kept = gemm(low, low.reshape(5, 2), parse("int32"), overflow="saturate")
    assert kept.tolist() == [[2**31 - 1] * 2] * 2


@pytest.mark.parametrize("product", [None, "e5m3"])
@pytest.mark.parametrize("chunk", [None, 1, 8, 40, 64])
def test_order_of_additions(product, chunk):
    """One element at a time, by encode and decode alone."""
    a, accumulator = parse("fp8_e4m3"), parse("e5m5")
    rounding_format = parse(product) if product else None
    x, y = operands(a, a, 3)
    got = gemm(a.unpack(x), a.unpack(y), accumulator, product=rounding_format, chunk=chunk)
    left, right = a.decode(x), a.decode(y)

    def rounded(format, value):
        return float(format.decode(format.encode(value)))

    for i, j in itertools.product(range(3), range(N)):
        terms = left[i] * right[:, j]
        if rounding_format is not None:
            terms = [rounded(rounding_format, term) for term in terms]
        length = chunk or K
        sums = []
        for start in range(0, K, length):
            total = 0.0
            for term in terms[start : start + length]:
                total = rounded(accumulator, total + term)
            sums.append(total)
        total = 0.0
        for inner in sums:
            total = rounded(accumulator, total + inner)
        assert float(accumulator.decode(got[i, j])) == (total if chunk else sums[0])


def test_chunks_change_sums():
    a, accumulator = parse("fp8_e4m3"), parse("e5m5")
    x, y = (a.unpack(codes) for codes in operands(a, a, 4))
    assert np.mean(gemm(x, y, accumulator) != gemm(x, y, accumulator, chunk=8)) > 0.1


CONFIGURATIONS = [
    ("fp8_e4m3", (5, 10), None),
    ("fp8_e4m3", (4, 3), None),
    ("fp8_e5m2", (5, 2), (5, 2)),
    ("fp8_e4m3", (6, 9), (4, 3)),
    ("bf16", (6, 15), None),
    ("fp16", (5, 10), None),
    ("fp16", (5, 10), (5, 10)),
    ("e3m4", (3, 4), (3, 4)),
]


@pytest.mark.parametrize("saturate", [False, True])
@pytest.mark.parametrize("subnormals", [True, False])
@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=str)
def test_mode_mptorch_equals_its_cpu_kernel(configuration, subnormals, saturate):
    """Every element, with values around the smallest and the largest numbers of the sum too."""
    operand, add, multiply = configuration
    a, accumulator = parse(operand), parse(name_of(add, subnormals, saturate))
    product = parse(name_of(multiply, subnormals, saturate)) if multiply else None
    for seed, scale in enumerate((1.0, 2.0 ** (accumulator.minimum_exponent / 2), 6.0)):
        x, y = operands(a, a, seed, scale)
        values = a.decode(x).astype(np.float32), a.decode(y).astype(np.float32)
        wanted = mptorch_gemm(*values, add, multiply, subnormals, saturate)
        got = gemm(a.unpack(x), a.unpack(y), accumulator, product=product, mode="mptorch")
        assert np.array_equal(accumulator.decode(got), wanted, equal_nan=True)


def test_mode_mptorch_is_needed():
    """What the modes differ in does occur."""
    a, accumulator = parse("fp16"), parse("e5m2_flush")
    x, y = (a.unpack(codes) for codes in operands(a, a, 5, 2.0**-8))
    results = [gemm(x, y, accumulator, mode=mode) for mode in ("exact", "float32", "mptorch")]
    assert np.any(results[1] != results[2])


def test_the_jump_includes_the_slip():
    """1.89 * 2^-16 becomes 2^-14 with e5m2 without subnormals; 1.5 * 2^-15 does not."""
    accumulator, one = parse("e5m2_flush"), parse("uint1").unpack([[1]])
    source = parse("fp32")
    values = [1.89 * 2.0**-16, 1.8 * 2.0**-16, 1.51 * 2.0**-15, 1.5 * 2.0**-15, 1.2 * 2.0**-15]
    x = source.unpack(source.encode(np.array(values)[:, None]))
    got = accumulator.decode(gemm(x, one, accumulator, mode="mptorch"))[:, 0]
    assert got.tolist() == [2.0**-14, 0, 2.0**-14, 0, 0]
    wanted = mptorch_round(np.array(values), 5, 2, False, False)
    assert got.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("a", "b", "accumulator", "product", "holds"),
    [
        ("fp8_e4m3", "fp8_e4m3", "e5m10", None, True),
        ("fp8_e5m2", "fp8_e5m2", "e6m10", None, True),
        ("fp8_e4m3", "e4m5", "e6m11", None, True),
        ("fp8_e4m3", "fp8_e4m3", "fp8_e4m3", "fp8_e4m3", True),
        ("fp16", "fp16", "fp16", "fp16", True),
        ("fp8_e4m3", "fp8_e4m3", "e6m12", None, False),
        ("fp8_e4m3", "fp8_e4m3", "e4m3", None, False),
        ("fp16", "fp16", "fp16", None, False),
        ("e5m5", "e5m6", "e6m11", "e6m11", False),
        ("bf16", "bf16", "e8m7", "e8m7", False),
    ],
)
def test_what_is_provably_equal(a, b, accumulator, product, holds):
    """Where equality is claimed no sum of many differs; hardware then needs no float32 rounding."""
    a, b, accumulator = map(parse, (a, b, accumulator))
    product = parse(product) if product else None
    assert all(isinstance(format, FloatFormat) for format in (a, b, accumulator))
    assert equals_via_float32(a, b, accumulator, product) == holds
    if not holds:
        return
    rng = np.random.default_rng(6)
    for scale in (1.0, 2.0**-5):
        x = a.unpack(a.encode(rng.normal(size=(40, 60)) * scale))
        y = b.unpack(b.encode(rng.normal(size=(60, 40)) * scale))
        exact = gemm(x, y, accumulator, product=product)
        assert np.array_equal(exact, gemm(x, y, accumulator, product=product, mode="float32"))


def test_twelve_bits_are_too_many_for_products_of_twelve():
    """1 + 2^-11, and (2^12 - 1) * 2^-24: float32 makes their sum a tie, which goes to even."""
    a, b, accumulator = parse("e5m5"), parse("e6m6"), parse("e6m11")
    assert accumulator.decode(accumulator.encode(63 * 65 * 2.0**-24)) == 4095 * 2.0**-24
    # 1 + 2^-11 needs 12 bits, so it is a sum of two products before.
    x = a.encode([[1.0, 2.0**-11, 63 * 2.0**-13]])
    y = b.encode([[1.0], [1.0], [65 * 2.0**-11]])
    products = {"product": accumulator}
    exact = gemm(a.unpack(x), b.unpack(y), accumulator, **products)
    float32 = gemm(a.unpack(x), b.unpack(y), accumulator, mode="float32", **products)
    assert accumulator.decode(exact).tolist() == [[1 + 2.0**-11]]
    assert accumulator.decode(float32).tolist() == [[1 + 2.0**-10]]


def test_every_sum_of_short_numbers_survives_a_wider_rounding():
    """The claim over all pairs of significands at every distance, float32's 24 bits scaled to 12.

    p bits plus p bits survive for 2p + 2 = 12; with a rounding to 10 bits = 2p first some do not.
    """
    p, wide = 5, 12

    def nearest_even(value, exponent_drop):
        return np.rint(value / exponent_drop) * exponent_drop

    x = np.arange(1 << (p - 1), 1 << p).astype(float)[:, None, None]
    y = np.arange(1, 1 << p).astype(float)[None, :, None] * 2.0 ** -np.arange(0, 20)
    y = np.concatenate([y, -y], axis=1)
    total = x + y
    unit = 2.0 ** (np.frexp(total)[1] - 1)
    once = nearest_even(total, unit * 2.0 ** (1 - p))
    twice_unit = unit * 2.0 ** (1 - wide)
    first = nearest_even(total, twice_unit)
    unit = 2.0 ** (np.frexp(first)[1] - 1)
    twice = nearest_even(first, unit * 2.0 ** (1 - p))
    nonzero = total != 0
    assert np.array_equal(once[nonzero], twice[nonzero])
    narrow = nearest_even(total, twice_unit * 4)
    unit = 2.0 ** (np.frexp(narrow)[1] - 1)
    assert np.any(nearest_even(narrow, unit * 2.0 ** (1 - p))[nonzero] != once[nonzero])


def test_via_float32_is_numpy_float32():
    values = np.random.default_rng(8).normal(size=500) * 2.0 ** (np.arange(500) // 4 - 62)
    exact = parse("fp32").unpack(parse("fp32").encode(values.astype(np.float32)))
    wide = parse("sfix64_en60").unpack(np.arange(1 << 40, (1 << 40) + 500 * 99991, 99991))
    got = via_float32(wide, parse("fp8_e4m3")).to_float64()
    assert np.array_equal(got, wide.to_float64().astype(np.float32).astype(np.float64))
    assert np.array_equal(
        via_float32(exact, parse("fp16")).to_float64(), values.astype(np.float32).astype(float)
    )


def test_nothing_to_add_gives_zero():
    fp16 = parse("fp16")
    empty = fp16.unpack(np.zeros((2, 0), np.uint64))
    assert gemm(empty, empty.reshape(0, 3), fp16).tolist() == [[0] * 3] * 2


def test_impossible_requests_are_refused():
    x = parse("int8").unpack([[1, 2]])
    with pytest.raises(ValueError, match="a has 2 columns, so b must have 2 rows, not 1"):
        gemm(x, x, parse("int32"))
    with pytest.raises(ValueError, match="chunk must be at least 1, not 0"):
        gemm(x, x.reshape(2, 1), parse("int32"), chunk=0)
    with pytest.raises(ValueError, match="mode must be exact, float32 or mptorch, not 'fast'"):
        gemm(x, x.reshape(2, 1), parse("int32"), mode="fast")


def test_docstring_example():
    results = doctest.testmod(sys.modules["holigrail_hw.golden.gemm"])
    assert results.failed == 0 and results.attempted >= 2
