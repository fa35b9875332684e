"""Exact add, multiply, FMA, negate and compare: Fractions, signed zeros, special values, types."""

import operator
from fractions import Fraction
from math import copysign, inf, isnan, nan

import ml_dtypes
import numpy as np
import pytest

from holigrail_hw.formats import Exact, FormatError, parse
from holigrail_hw.golden import (
    EQUAL,
    GREATER,
    LESS,
    UNORDERED,
    add,
    compare,
    fused_multiply_add,
    multiply,
    negate,
)

MODES = ["nearest_even", "nearest_away", "toward_zero", "up", "down", "to_odd"]
DECODERS = ["int8", "uint4", "int64", "sfix8_en12", "ternary", "fp8_e4m3", "fp8_e5m2", "fp4_e2m1"]
DECODERS += ["fp16", "bf16", "fp32", "e8m12", "e2m1_bias-40", "e5m0", "e4m3_fnuz", "e3m7_flush"]


def samples(name, count, seed):
    fmt = parse(name)
    rng = np.random.default_rng(seed)
    high = 1 << fmt.width
    random = rng.integers(0, high - 1, count, dtype=np.uint64, endpoint=True)
    corners = rng.choice(np.array(fmt.corner_codes(), np.uint64), count)
    return fmt.unpack(np.where(rng.random(count) < 0.3, corners, random))


def numbers(exact):
    return exact.to_fractions().tolist()


def is_special(*values):
    return any(isinstance(value, float) and (isnan(value) or abs(value) == inf) for value in values)


def is_negative(value):
    return copysign(1, value) < 0 if isinstance(value, float) else value < 0


@pytest.mark.parametrize("left", DECODERS)
def test_sums_products_and_order_equal_fractions(left):
    for right in DECODERS:
        x, y = samples(left, 60, 1), samples(right, 60, 2)
        total, product, order = numbers(add(x, y)), numbers(multiply(x, y)), compare(x, y)
        for index, (a, b) in enumerate(zip(numbers(x), numbers(y), strict=True)):
            if is_special(a, b):
                continue
            exact_a, exact_b = Fraction(a), Fraction(b)
            assert Fraction(total[index]) == exact_a + exact_b
            assert Fraction(product[index]) == exact_a * exact_b
            assert is_negative(product[index]) == (is_negative(a) != is_negative(b))
            assert order[index] == (exact_a > exact_b) - (exact_a < exact_b)


@pytest.mark.parametrize("addend", ["fp32", "bf16", "int32", "fp8_e5m2"])
def test_fused_multiply_add_equals_fractions(addend):
    for factors in (("bf16", "fp32"), ("fp8_e4m3", "fp8_e5m2"), ("int8", "int8")):
        x, y = (samples(name, 200, seed) for seed, name in enumerate(factors))
        z = samples(addend, 200, 9)
        result = numbers(fused_multiply_add(x, y, z))
        for a, b, c, total in zip(*map(numbers, (x, y, z)), result, strict=True):
            if not is_special(a, b, c):
                assert Fraction(total) == Fraction(a) * Fraction(b) + Fraction(c)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["fp16", "fp32", "int16", "fp8_e4m3", "int64"])
def test_array_types_give_the_same_codes(name, mode):
    """int64 significands and Python integers take different paths through the kernel."""
    result = parse(name)
    for factors in (("fp16", "fp8_e5m2"), ("int16", "int16"), ("fp32", "fp8_e4m3")):
        x, y = (samples(factor, 500, seed) for seed, factor in enumerate(factors))
        narrow = [multiply(x, y), multiply(x.widened(), y.widened())]
        assert [exact.significand.dtype for exact in narrow] == [
            np.dtype(np.int64),
            np.dtype(object),
        ]
        sums = [add(exact, z, mode) for exact in narrow for z in (x, x.widened())]
        for group in (narrow, sums):
            codes = [result.project(exact, mode).tolist() for exact in group]
            assert all(other == codes[0] for other in codes)
        words = np.arange(500) % 64
        codes = [result.project(exact, "stochastic", words, 6).tolist() for exact in narrow]
        assert codes[0] == codes[1]
        assert (compare(x, y) == compare(x.widened(), y.widened())).all()


@pytest.mark.parametrize("mode", MODES)
def test_kernel_equals_fractions_at_every_tie(mode):
    """k/8 + 2^-100: every tie and its close neighbours, too far apart for 64 bits."""
    eighths = parse("sfix9_en3").unpack(np.arange(1 << 9))
    tiny = parse("e8m2").unpack(parse("e8m2").encode([2.0**-100, -(2.0**-100), 0.0]))
    total = add(eighths.reshape(-1, 1), tiny, mode)
    assert total.significand.dtype == object
    fmt = parse("int8")
    for code, value in zip(
        fmt.project(total, mode).reshape(-1).tolist(), numbers(total.ravel()), strict=True
    ):
        whole, nu = divmod(abs(Fraction(value)), 1)
        half = Fraction(1, 2)
        whole += {
            "nearest_even": nu > half or (nu == half and whole % 2 == 1),
            "nearest_away": nu >= half,
            "toward_zero": False,
            "up": nu > 0 and value > 0,
            "down": nu > 0 and value < 0,
            "to_odd": nu > 0 and whole % 2 == 0,
        }[mode]
        assert code == (-whole if value < 0 else whole) % 256


def zero_pairs():
    fmt = parse("fp16")
    return (
        fmt,
        fmt.unpack(fmt.encode([0.0, 0.0, -0.0, -0.0])),
        fmt.unpack(fmt.encode([0.0, -0.0, 0.0, -0.0])),
    )


@pytest.mark.parametrize("mode", MODES)
def test_signs_of_zero_sums(mode):
    fmt, x, y = zero_pairs()
    opposite = -0.0 if mode == "down" else 0.0
    expected = [0.0, opposite, opposite, -0.0]
    assert list(map(str, numbers_as_floats(fmt, add(x, y, mode), mode))) == list(map(str, expected))
    values = fmt.unpack(fmt.encode([1.5, -6e-8, 65504, 2.0**-24]))
    cancelled = numbers_as_floats(fmt, add(values, negate(values), mode), mode)
    assert list(map(str, cancelled)) == [str(opposite)] * 4


def numbers_as_floats(fmt, exact, mode):
    return fmt.decode(fmt.project(exact, mode)).tolist()


def test_signs_of_zero_products_and_zero_product_plus_addend():
    fmt, x, y = zero_pairs()
    assert list(map(str, numbers_as_floats(fmt, multiply(x, y), "nearest_even"))) == [
        "0.0",
        "-0.0",
        "-0.0",
        "0.0",
    ]
    minus_zero, one = fmt.unpack(fmt.encode([-0.0])), fmt.unpack(fmt.encode([1.0]))
    for addend, mode, expected in [
        (-0.0, "nearest_even", "-0.0"),
        (0.0, "nearest_even", "0.0"),
        (0.0, "down", "-0.0"),
        (3.0, "nearest_even", "3.0"),
        (2.0**-24, "up", str(2.0**-24)),
    ]:
        z = fmt.unpack(fmt.encode([addend]))
        total = fused_multiply_add(minus_zero, one, z, mode)
        assert str(numbers_as_floats(fmt, total, mode)[0]) == expected
    three = fmt.unpack(fmt.encode([3.0]))
    cancelled = fused_multiply_add(three, one, negate(three), "down")
    assert str(numbers_as_floats(fmt, cancelled, "down")[0]) == "-0.0"


def test_results_without_signed_zero_lose_the_sign():
    source = parse("fp16")
    minus = source.unpack(source.encode([-0.0, -(2.0**-24)]))
    for name in ("e4m3_fnuz", "int8", "sfix8_en4", "ternary"):
        assert parse(name).project(minus).tolist() == [0, 0]


SPECIAL = [inf, -inf, nan, 0.0, -0.0, 1.5, -2.0]


def test_special_values_follow_ieee():
    fmt = parse("fp16")
    codes = fmt.encode(SPECIAL)
    x, y = fmt.unpack(codes[:, None]), fmt.unpack(codes)
    with np.errstate(invalid="ignore"):
        left, right = np.array(SPECIAL)[:, None], np.array(SPECIAL)
        for exact, expected in [(add(x, y), left + right), (multiply(x, y), left * right)]:
            got = fmt.decode(fmt.project(exact))
            assert same(got, expected).all()
        for z, addend in zip(codes, SPECIAL, strict=True):
            got = fmt.decode(fmt.project(fused_multiply_add(x, y, fmt.unpack(z))))
            assert same(got, left * right + addend).all(), addend
    assert same(fmt.decode(fmt.project(negate(y))), -right).all()


def same(left, right):
    both_nan = np.isnan(left) & np.isnan(right)
    return both_nan | ((left == right) & (np.signbit(left) == np.signbit(right)))


def test_compare_special_values():
    fmt = parse("fp16")
    x = fmt.unpack(fmt.encode(SPECIAL))
    table = compare(x.reshape(-1, 1), x)
    for i, a in enumerate(SPECIAL):
        for j, b in enumerate(SPECIAL):
            expected = LESS if a < b else GREATER if a > b else EQUAL if a == b else UNORDERED
            assert table[i, j] == expected, (a, b)


TWINS = {
    "fp8_e4m3": ml_dtypes.float8_e4m3fn,
    "fp8_e5m2": ml_dtypes.float8_e5m2,
    "e4m3": ml_dtypes.float8_e4m3,
    "e3m4": ml_dtypes.float8_e3m4,
    "e4m3_fnuz": ml_dtypes.float8_e4m3fnuz,
    "e5m2_fnuz": ml_dtypes.float8_e5m2fnuz,
    "e4m3_fnuz_bias11": ml_dtypes.float8_e4m3b11fnuz,
    "fp6_e3m2": ml_dtypes.float6_e3m2fn,
    "fp6_e2m3": ml_dtypes.float6_e2m3fn,
    "fp4_e2m1": ml_dtypes.float4_e2m1fn,
}


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize(("ours", "theirs"), [(add, operator.add), (multiply, operator.mul)])
def test_all_pairs_equal_ml_dtypes(name, ours, theirs):
    fmt = parse(name)
    codes = np.arange(1 << fmt.width)
    x = fmt.unpack(codes)
    got = fmt.decode(fmt.project(ours(x.reshape(-1, 1), x)))
    twin = codes.astype(np.uint8).view(TWINS[name])
    with np.errstate(all="ignore"):
        expected = theirs(twin[:, None], twin).astype(np.float64)
    assert same(got, expected).all()


@pytest.mark.parametrize(("ours", "theirs"), [(add, operator.add), (multiply, operator.mul)])
@pytest.mark.parametrize("name", ["fp16", "fp32", "bf16"])
def test_samples_equal_numpy(name, ours, theirs):
    fmt = parse(name)
    dtype = {"fp16": np.float16, "fp32": np.float32, "bf16": ml_dtypes.bfloat16}[name]
    rng = np.random.default_rng(8)
    x, y = rng.integers(0, 1 << fmt.width, (2, 20_000), dtype=np.uint64)
    # Half of the pairs get close exponents, so that sums cancel and carry.
    top = np.uint64(fmt.width - 8)
    y[::2] = (x[::2] >> top << top) ^ (y[::2] & np.uint64((1 << int(top)) - 1))
    corners = np.array(fmt.corner_codes(), np.uint64)
    x = np.concatenate([x, np.repeat(corners, len(corners))])
    y = np.concatenate([y, np.tile(corners, len(corners))])
    unsigned = np.uint32 if fmt.width == 32 else np.uint16
    with np.errstate(all="ignore"):
        left, right = x.astype(unsigned).view(dtype), y.astype(unsigned).view(dtype)
        expected = theirs(left, right).astype(np.float64)
    got = fmt.decode(fmt.project(ours(fmt.unpack(x), fmt.unpack(y))))
    assert same(got, expected).all()


def test_fp32_carrier_cannot_replace_the_exact_sum():
    """A fused result that comes out wrong when the sum is first rounded to binary32."""
    fmt = parse("fp16")
    x, y, z = 1 + 2.0**-10, 1 + 2.0**-10, 2.0**-24
    third = parse("e8m10").unpack(parse("e8m10").encode(2.0**-60))
    product = multiply(fmt.unpack(fmt.encode(x)), fmt.unpack(fmt.encode(y)))
    assert numbers(add(product, third).ravel()) == [Fraction(x) * Fraction(y) + Fraction(1, 2**60)]
    assert float(fmt.decode(fmt.project(add(product, fmt.unpack(fmt.encode(z)))))) == 1 + 2.0**-9


def test_shapes_broadcast_and_empty_arrays_work():
    fmt = parse("fp8_e4m3")
    x, y = fmt.unpack([[1], [2], [3]]), fmt.unpack([4, 5])
    assert add(x, y).shape == multiply(x, y).shape == compare(x, y).shape == (3, 2)
    assert add(fmt.unpack([]), fmt.unpack([])).shape == (0,)
    assert fmt.project(multiply(fmt.unpack([]), fmt.unpack(1))).tolist() == []
    assert isinstance(add(fmt.unpack(8), fmt.unpack(8)), Exact)
    assert int(fmt.project(add(fmt.unpack(8), fmt.unpack(8)))) == int(fmt.encode(2.0**-5))


def test_unknown_rounding_is_refused():
    fmt = parse("fp16")
    with pytest.raises(FormatError):
        add(fmt.unpack(0), fmt.unpack(0), "nearest")
