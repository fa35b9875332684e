"""Multipliers as tables: errors, ranks, exact and rounded sums, and what cannot be one."""

import doctest
import importlib

import numpy as np
import pytest

from holigrail_hw.core import find
from holigrail_hw.formats import FormatError, parse
from holigrail_hw.kernels import Gemm
from holigrail_hw.kernels.multipliers import Multiplier, broken_array, drum, mitchell, signed
from holigrail_hw.kernels.multipliers.float_sums import float_sums
from holigrail_hw.kernels.multipliers.rank import rational_rank

CODES = np.arange(256)


def test_docstring_examples():
    found = doctest.testmod(importlib.import_module("holigrail_hw.kernels.multipliers.multiplier"))
    assert found.failed == 0 and found.attempted


def by_hand(name, a, b):
    """Scalar definitions, apart from the arrays of the package."""
    if 0 in (a, b):
        return 0
    x, y = a.bit_length(), b.bit_length()
    if name == "drum":
        parts = []
        for value, length in ((a, x), (b, y)):
            cut = max(length - 3, 0)
            parts.append((value >> cut | (cut > 0)) << cut)
        return parts[0] * parts[1]
    if name == "broken":
        bits = ((i, j) for i in range(8) for j in range(8) if i + j >= 8)
        return sum((a >> i & b >> j & 1) << (i + j) for i, j in bits)
    logarithm = (x - 1 + a / 2 ** (x - 1) - 1) + (y - 1 + b / 2 ** (y - 1) - 1)
    return 2 ** int(logarithm) * (1 + logarithm % 1)


@pytest.mark.parametrize(
    ("name", "function", "rank", "mred"),
    [
        ("drum", drum(3), 1, 0.121),
        ("broken", broken_array(8), 7, 0.098),
        ("mitchell", mitchell(), 128, 0.038),
    ],
)
def test_approximate_multipliers_are_their_definitions(name, function, rank, mred):
    multiplier = Multiplier.from_function(function)
    wanted = [[by_hand(name, a, b) for b in range(256)] for a in range(256)]
    assert np.array_equal(multiplier.products, wanted)
    assert multiplier.rank() == rank == np.linalg.matrix_rank(multiplier.products)
    found = multiplier.errors()
    assert found.mred == pytest.approx(mred, rel=0.02)
    exact = np.multiply.outer(CODES, CODES)
    assert found.bias == pytest.approx((multiplier.products - exact).mean())
    assert found.wce == np.abs(multiplier.products - exact).max()


def test_signed_factors_and_functions_that_are_no_more_than_a_product():
    multiplier = Multiplier.from_function(signed(drum(3)), "int8", "int4")
    assert multiplier.products.shape == (256, 16)
    assert multiplier.products[0x9C, 0xD] == 336  # -100 is taken for -112, times -3
    exact = Multiplier.from_function(lambda a, b: a * b, "int8", "int8")
    assert exact.rank() == 1 and set(vars(exact.errors()).values()) == {0.0}


def test_ranks_are_those_over_the_rationals():
    rng = np.random.default_rng(1)
    for rank in (0, 1, 3, 17):
        left, right = rng.integers(-9, 9, (40, rank)), rng.integers(-9, 9, (rank, 30))
        assert rational_rank(left @ right) == rank
    # Modulo the first prime this matrix has a rank of 1.
    prime = (1 << 31) - 1
    assert rational_rank(np.array([[1, 1], [1, 1 - prime]])) == 2
    assert rational_rank(np.array([[1, 1, 5], [1, 1 - prime, 5], [2, 2, 10]])) == 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fp8_e4m3", {}),
        ("int8", {"b": "uint4"}),
        ("posit8_2", {"result": "fp16"}),
    ],
)
def test_an_operator_is_its_golden_model(name, options):
    spec = find("multiply")(**{"a": name, "b": name, **options})
    multiplier = Multiplier.from_operator(spec)
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 256, 200), rng.integers(0, 1 << spec.b.width, 200)
    wanted = spec.result.decode(spec.golden(a=a, b=b)["result"])
    assert np.array_equal(multiplier.products[a, b], wanted, equal_nan=True)


def test_logarithmic_products_are_converted():
    spec, after = (
        find("multiply")(a="lns8_4", b="lns8_4"),
        find("convert")(source="lns8_4", result="fp16"),
    )
    multiplier = Multiplier.from_operator(spec, after)
    codes = spec.golden(a=CODES, b=CODES[::-1])["result"]
    wanted = parse("fp16").decode(after.golden(**{next(iter(after.inputs())): codes})["result"])
    assert np.array_equal(multiplier.products[CODES, CODES[::-1]], wanted, equal_nan=True)
    assert multiplier.errors().rate > 0


def test_exact_sums_are_sums():
    rng = np.random.default_rng(3)
    multiplier = Multiplier.from_function(lambda a, b: a * b / 2**5 - b / 8, "int8", "int4")
    a, b = rng.integers(0, 256, (5, 40)), rng.integers(0, 16, (40, 7))
    wanted = multiplier.products[a.T[:, :, None], b[:, None]].sum(axis=0)
    assert np.array_equal(multiplier.sums(a, b), wanted) and multiplier.unit == 2.0**-5


@pytest.mark.parametrize(
    ("accumulator", "options"),
    [
        ("fp16", {}),
        ("e5m3", {}),
        ("e4m3_sat", {}),
        ("fp8_e4m3", {}),
        ("fp32", {}),
        ("fp16", {"chunk": 5}),
        ("fp16", {"rounding": "toward_zero"}),
        ("fp16", {"accumulation": "exact"}),
        ("posit16_2", {}),
    ],
)
@pytest.mark.parametrize("operands", ["fp8_e4m3", "fp4_e2m1"])
def test_rounded_sums_are_those_of_an_operator_and_an_adder(accumulator, options, operands):
    """Products of the table, times one, summed by the golden model of sums."""
    table = Multiplier.from_operator(find("multiply")(a=operands, b=operands, result="fp16"))
    finite = np.where(np.isfinite(table.products), table.products, 1.5)
    multiplier = Multiplier.from_table(finite, operands, operands)
    rng, size = np.random.default_rng(4), 1 << table.a.width
    a, b = rng.integers(0, size, (3, 9)), rng.integers(0, size, (9, 35))
    found = multiplier.rounded_sums(a, b, accumulator=accumulator, threads=2, **options)
    gemm = Gemm(a="uint1", b="fp16", accumulator=accumulator, **options)
    laid = finite[a.T[:, :, None], b[:, None]].reshape(9, -1)
    wanted = gemm.golden(np.ones((1, 9), int), parse("fp16").encode(laid))
    assert np.array_equal(found, wanted.reshape(3, 35))


def test_the_compiled_sums_are_used_and_infinities_are_not_theirs():
    multiplier = Multiplier.from_function(lambda a, b: a * b / 64.0, "fp4_e2m1", "fp4_e2m1")
    gemm = Gemm(a="uint1", b="fp32", accumulator="fp16")
    codes = np.arange(16).reshape(4, 4)
    sums = float_sums(gemm, multiplier.products, codes, codes, 1)
    assert sums is not None
    wanted = multiplier.rounded_sums(codes, codes, accumulator="fp16", chunk=4)
    assert np.array_equal(parse("fp16").encode(sums.astype(float)), wanted)
    assert float_sums(gemm, np.full((4, 4), np.inf), codes % 4, codes % 4, 1) is None


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: drum(1), ValueError, "drum: bits must be at least 2, not 1"),
        (
            lambda: broken_array(15),
            ValueError,
            "broken_array: dropped must be between 0 and 14, not 15",
        ),
        (
            lambda: Multiplier.from_table(np.zeros((2, 2))),
            ValueError,
            r"multiplier: products must be 256 x 256 numbers, not \(2, 2\) of float64",
        ),
        (
            lambda: Multiplier.from_table(np.zeros((2, 2)), "fp16"),
            FormatError,
            "multiplier: a must be a format of at most 8 bits, not fp16",
        ),
        (
            lambda: Multiplier.from_operator(find("multiply")(a="fp16")),
            FormatError,
            "operands must have at most 8 bits, not fp16 and fp8_e4m3",
        ),
        (
            lambda: Multiplier.from_operator(find("mac")()),
            ValueError,
            "multiplier: mac must have two operands, one result and no state, not a, b",
        ),
        (
            lambda: Multiplier.from_operator(find("multiply")(a="lns8_4", b="lns8_4")),
            ValueError,
            "numbers of result must be floats, not lns8_4\n  hint: give a convert to a float",
        ),
        (
            lambda: Multiplier.from_operator(find("multiply")(), find("convert")(source="fp16")),
            ValueError,
            "multiplier: convert must have one operand, a number of fp8_e4m3, one result and no",
        ),
        (
            lambda: Multiplier.from_table(np.full((256, 256), 2.0**40) + CODES).rank(),
            ValueError,
            "multiplier: products of table must be multiples of one step with at most 31 bits for",
        ),
        (
            lambda: Multiplier.from_table(np.full((256, 256), np.nan)).sums([[0]], [[0]]),
            ValueError,
            r"for exact sums\n  hint: rounded_sums\(\) takes any",
        ),
        (
            lambda: Multiplier.from_table(np.zeros((256, 16)), "int8", "int4").sums([[0]], [[16]]),
            ValueError,
            r"multiplier: codes of b must be between 0 and 2\^4 - 1",
        ),
        (
            lambda: Multiplier.from_table(np.zeros((256, 256))).rounded_sums(
                [[0]], [[0]], accumulator="fp16", rounding="stochastic"
            ),
            ValueError,
            "multiplier: rounding of sums must not be stochastic",
        ),
    ],
)
def test_what_is_no_multiplier_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()
