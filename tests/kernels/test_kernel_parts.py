"""Certificates, random words, conversions, and MPTorch's own numbers."""

import dataclasses
import doctest
import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from holigrail_hw.formats import FormatError, Rounding, parse
from holigrail_hw.golden.shift_register import random_words
from holigrail_hw.kernels import (
    Gemm,
    Philox,
    ShiftRegister,
    TableProduct,
    decode,
    encode,
    number_type,
    philox,
    quantise,
)
from holigrail_hw.kernels.certificates import bounds, never_overflows, tops_of
from holigrail_hw.kernels.nearest import Step32, multiply32, step32
from holigrail_hw.kernels.operands import measured, reach, significant_bits

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "benchmarks" / "mptorch_sample.npz"
FORMATS = ("fp4_e2m1", "fp8_e4m3", "fp8_e5m2", "e4m3_fnuz", "e5m2_flush", "dlfloat16", "fp16")
FORMATS += ("bf16", "tf32", "fp32", "e4m3_sat", "binary8p3", "e5m10_flush_sat", "e8m0_fn")


@pytest.mark.parametrize("name", ["convert", "gemm", "random_words"])
def test_docstring_examples(name):
    found = doctest.testmod(importlib.import_module(f"holigrail_hw.kernels.{name}"))
    assert found.failed == 0 and found.attempted


def numbers(count=4000):
    """Of all sizes, ties among them, and what is no number."""
    rng = np.random.default_rng(1)
    wide = rng.normal(size=count) * 2.0 ** rng.integers(-30, 20, count)
    ties = rng.integers(-64, 64, count) * 2.0 ** rng.integers(-24, 12, count)
    return np.concatenate([wide, ties, [0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, -1e-300]])


@pytest.mark.parametrize("mode", [mode for mode in Rounding if not mode.is_stochastic])
def test_codes_are_those_of_the_format(mode):
    x = numbers()
    for name in FORMATS:
        wanted = parse(name).encode(x, mode)
        assert np.array_equal(encode(name, x, mode, threads=2), wanted), name
        found, again = quantise(name, x, mode), decode(name, wanted)
        assert found.dtype == number_type(name) == again.dtype
        assert np.array_equal(found, again, equal_nan=True), name
        assert np.array_equal(np.signbit(found), np.signbit(again)), name
    for name, overflow in (("int8", "saturate"), ("sfix12_en5", "saturate"), ("uint6", "wrap")):
        wanted = parse(name).encode(x[:-7], mode, overflow=overflow)
        assert np.array_equal(encode(name, x[:-7], mode, overflow=overflow), wanted)


@pytest.mark.parametrize("mode", [mode for mode in Rounding if mode.is_stochastic])
def test_stochastic_codes_are_those_of_the_format(mode):
    x, rng = numbers(), np.random.default_rng(2)
    for name, width in (("fp8_e4m3", 1), ("fp16", 13), ("bf16", 32), ("e5m2_flush", 8)):
        given = {"random": rng.integers(0, 1 << width, x.size), "random_width": width}
        assert np.array_equal(encode(name, x, mode, **given), parse(name).encode(x, mode, **given))


def test_random_words_in_any_order_and_none_that_are_impossible():
    x, rng = numbers(35).reshape(-1, 7), np.random.default_rng(3)
    words = rng.integers(0, 256, x.shape)
    for name in ("fp8_e4m3", "e5m2_flush", "sfix12_en5"):
        finite = np.where(np.isfinite(x), x, 0.0)
        for given in (words, np.asfortranarray(words), words[:, :1], words[0], words[::-1, ::-1]):
            spread = np.ascontiguousarray(np.broadcast_to(given, x.shape))
            wanted = parse(name).encode(finite, "stochastic", spread, 8)
            how = {"random": given, "random_width": 8}
            assert np.array_equal(encode(name, finite, "stochastic", **how), wanted)
            found = quantise(name, finite, "stochastic", **how)
            assert np.array_equal(found, decode(name, wanted), equal_nan=True)
    for wrong in (words + 256, words - 256, words + 0.5):
        with pytest.raises(FormatError, match="stochastic rounding: random words must be"):
            quantise("fp8_e4m3", x, "stochastic", random=wrong, random_width=8)


def test_other_arrays_of_numbers():
    assert encode("fp8_e4m3", 1.0).shape == () and encode("fp8_e4m3", 1.0) == 0x38
    x = np.arange(12, dtype=np.int8).reshape(3, 4)
    assert np.array_equal(encode("fp8_e4m3", x.T), parse("fp8_e4m3").encode(x.T))
    assert encode("posit8_0", [[0.3]]).tolist() == parse("posit8_0").encode([[0.3]]).tolist()
    assert encode("fp16", np.zeros((0, 3))).shape == (0, 3)
    wide = np.array([(1 << 60) + 1], dtype=np.int64)
    assert np.array_equal(encode("fp32", wide), parse("fp32").encode(wide))
    with pytest.raises(FormatError, match="via must be exact or float32 or mptorch, not 'half'"):
        quantise("fp16", 1.0, via="half")
    with pytest.raises(
        FormatError, match="int8: overflow must be 'saturate' or 'wrap', not 'stop'"
    ):
        quantise("int8", 1.0, overflow="stop")
    with pytest.raises(FormatError, match="fp16: overflow must be left out, not 'wrap'"):
        encode("fp16", 1.0, overflow="wrap")
    with pytest.raises(FormatError, match="values must be real numbers, not"):
        encode("fp16", "one")
    with pytest.raises(FormatError, match="numbers that float64 holds, not lns8_4"):
        number_type("lns8_4")


def test_all_codes_come_back():
    for name in ("fp8_e4m3", "e4m3_fnuz", "fp16", "posit8_0", "int8", "binary8p3"):
        codes = np.arange(1 << parse(name).width, dtype=np.uint64)
        assert np.array_equal(encode(name, decode(name, codes)), parse(name).canonical_codes(codes))
        assert np.array_equal(decode(name, codes), parse(name).decode(codes), equal_nan=True)


def test_known_words():
    """The known answers of the generator's authors, and where each step finds its word."""
    wanted = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([0, 0, 0, 0], (0, 0)).tolist() == wanted
    ones = 0xFFFFFFFF
    assert philox([ones] * 4, (ones, ones)).tolist() == [
        0x408F276D,
        0x41C83B0E,
        0xA20BC7C6,
        0x6D5451FD,
    ]
    digits = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]
    assert philox(digits, (0xA4093822, 0x299F31D0)).tolist() == [
        0xD16CFE09,
        0x94FDCCEB,
        0x5001E420,
        0x24126EA1,
    ]
    (sums,) = Philox().words(range(1), 9, 1, 16, 1)
    assert sums[:8, 0, 0].tolist() == [word >> s & 0xFFFF for word in wanted for s in (0, 16)]
    (wide,) = Philox().words(range(1), 5, 1, 32, 1)
    assert wide[:4, 0, 0].tolist() == wanted
    whole = Philox(1, 2, 3, 4).words(range(5), 9, 4, 7, 2)
    part = Philox(1, 2, 3, 4).words(range(3, 5), 9, 4, 7, 2)
    assert all(np.array_equal(w[:, 3:], p) for w, p in zip(whole, part, strict=True))
    assert not np.array_equal(*whole) and int(max(w.max() for w in whole)) < 128


def test_words_of_a_shift_register():
    (found,) = ShiftRegister(0xDEADBEEF).words(range(5), 7, 3, 11, 1)
    wanted = random_words(0xDEADBEEF, 11, 105).reshape(5, 3, 7)
    assert np.array_equal(found.transpose(1, 2, 0), wanted)
    (rest,) = ShiftRegister(0xDEADBEEF).words(range(2, 5), 7, 3, 11, 1)
    assert np.array_equal(rest, found[:, 2:])


def test_impossible_seeds_are_refused():
    with pytest.raises(ValueError, match="Philox: step must be between 0 and 65535, not 65536"):
        Philox(step=1 << 16)
    with pytest.raises(ValueError, match="seed must be between 1 and 4294967295, not 0"):
        ShiftRegister(0)


@pytest.mark.parametrize("width", [2, 4, 8, 13])
@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.75, 0.9])
def test_stochastic_rounding_has_the_right_mean(fraction, width):
    """Within four standard deviations of what words of so many bits can tell."""
    count = 1 << 16
    gemm = Gemm(a="fp32", b="fp32", accumulator="e8m4", rounding="stochastic", random_width=width)
    x = np.full((count // 64, 1), 1 + np.float32(fraction) / 16)
    found = gemm.numbers(x, np.ones((1, 64)), random=Philox(width), trusted=True)
    ups = np.floor(fraction * 2**width) / 2**width
    mean = float(np.mean((found - 1) * 16))
    assert abs(mean - ups) <= 4 * np.sqrt(max(ups * (1 - ups), 1e-9) / count)


def at_the_bound(seed, gemm, reach_for):
    """Factors whose largest sum is about the largest number, all of one sign in some column."""
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(1, 60))
    x = np.abs(rng.normal(size=(9, depth))) + 0.1
    y = np.abs(rng.normal(size=(depth, 11))) + 0.1
    y *= reach_for / (x @ y).max()
    return encode(gemm.a, x), encode(gemm.b, y)


@pytest.mark.parametrize("sums", ["fp16", "fp8_e5m2", "fp8_e4m3", "e4m3_sat", "e5m10_fn"])
def test_certificates_never_lie(sums):
    """Around the largest number some products are certified, others are not; all are right."""
    seen = set()
    for way in ({}, {"accumulation": "cascade"}, {"chunk": 5}, {"rounding": "up"}):
        gemm = Gemm(a="fp16", b="fp16", accumulator=sums, **way)
        largest = float(parse(sums).number_range[1])
        for seed in range(0, 12, 2):
            a, b = at_the_bound(seed, gemm, largest * 2.0 ** (seed / 2 - 5.5))
            x, y = decode("fp16", a), decode("fp16", b)
            certain = never_overflows(bounds(gemm, x, y, tops_of(x, y)))
            wanted = gemm.golden(a, b)
            top = np.abs(parse(sums).decode(wanted))
            assert not certain or float(np.nanmax(top)) <= largest and np.isfinite(top).all()
            assert np.array_equal(gemm.codes(a, b), wanted)
            seen.add(certain)
    assert seen == {True, False}


def test_steps_that_leave_something_out_say_the_same():
    """Certified, with subnormal numbers, with infinities, to odd: one answer where all may."""
    gemm = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")
    rng = np.random.default_rng(3)
    x, y = (decode("fp8_e4m3", encode("fp8_e4m3", rng.normal(size=(40, 40)))) for _ in range(2))
    other = dataclasses.replace(gemm, accumulator="e5m9")
    assert str(step32(other, x, y)) == "float32, certified"
    steps = [step32(gemm, x, y)]  # Perhaps the processor's own.
    steps += [Step32(odd, small, over) for odd in (0, 1) for small in (0, 1) for over in (0, 1)]
    steps += [Step32(False, True, over) for over in (2, 3)]
    found = [multiply32(gemm, x, y, step, 1) for step in steps]
    assert all(np.array_equal(found[0], other) for other in found)
    assert str(step32(dataclasses.replace(gemm, accumulator="e5m9"), x, y, certify=False)) == (
        "float32, infinities"
    )


def test_where_numbers_lie():
    assert (reach(parse("fp8_e4m3")).low, reach(parse("fp8_e4m3")).high) == (-9, 9)
    assert (reach(parse("int8")).low, reach(parse("int8")).high) == (0, 8)
    assert [significant_bits(parse(f)) for f in ("fp16", "posit8_0", "int8")] == [11, 6, 7]
    found = measured(np.array([[0.0, 3.0], [-0.375, 8.0]]))
    assert found is not None and (found.low, found.high) == (-3, 4)
    assert measured(np.zeros((2, 2))) is None


def test_words_of_numbers_that_are_rounded_once():
    words = Philox(3, 5, 2, 9).numbers(11, 13)
    counters = [[place, 0, 0, (2 << 16) + 9] for place in range(3)]
    wanted = philox(counters, (3, 5)).reshape(-1)[:11] & ((1 << 13) - 1)
    assert words.tolist() == wanted.tolist() and Philox(3).numbers(0, 4).shape == (0,)


def name_of(exponent, fraction, given):
    options = "" if given["subnormals"] else "_flush"
    return f"e{exponent}m{fraction}" + options + "_sat" * given["saturate"]


def product_of(given):
    """The product of an entry of the samples."""
    if given.get("kind") == "fixed":
        a, product, sums = (f"sfix{given[p + '_wl']}_en{given[p + '_fl']}" for p in KINDS)
        options = {"accumulation": "cascade", "product": product, "overflow": "saturate"}
        return Gemm(a=a, b=a, accumulator=sums, via="mptorch", **options)
    a = f"e{given['in_exp']}m{given['in_man']}"
    sums = name_of(given["add_exp"], given["add_man"], given)
    options = {}
    if not given["fma"]:
        product = name_of(given["mul_exp"], given["mul_man"], given)
        options = {"accumulation": "cascade", "product": product}
    return Gemm(a=a, b=a, accumulator=sums, via="mptorch", **options)


KINDS = ("in", "mul", "add")


def test_results_of_mptorch():
    """Products and quantisers of MPTorch 0.3.0 on a CPU, bit for bit, signs of zeros too."""
    if not SAMPLE.exists():
        pytest.skip("the samples in ../shared are not there")
    described, arrays = json.loads(SAMPLE.with_suffix(".json").read_text()), np.load(SAMPLE)
    for given in described["gemm"]:
        a, b, wanted = (arrays[f"{given['key']}__{name}"] for name in ("a", "b", "c_cpu"))
        found = product_of(given).numbers(a.view(np.float32), b.view(np.float32))
        assert np.array_equal(found.astype(np.float32).view(np.uint32), wanted), given["key"]
    x = arrays["quantiser_x"].view(np.float32)
    for key in described["quantiser"]:
        fields, subnormals, saturate = key.split("_")
        exponent, fraction = fields[1:].split("m")
        options = {"subnormals": subnormals == "sub1", "saturate": saturate == "sat1"}
        found = quantise(name_of(exponent, fraction, options), x, via="mptorch")
        wanted = arrays[f"quantiser_{key}"].view(np.float32)
        assert np.array_equal(found, wanted, equal_nan=True)
        assert np.array_equal(np.signbit(found), np.signbit(wanted)), key
    assert len(described["gemm"]) == 11 and len(described["quantiser"]) == 7


def broken_array(dropped):
    """Products of unsigned bytes without the partial products of the lowest columns."""
    a, b = np.arange(256)[:, None], np.arange(256)[None]
    pairs = ((i, j) for i in range(8) for j in range(8) if i + j >= dropped)
    return sum(((a >> i & 1) * (b >> j & 1)) << (i + j) for i, j in pairs)


def logarithmic():
    """Mitchell, "Computer Multiplication and Division Using Binary Logarithms" (1962)."""
    codes = np.arange(1, 256)
    power = np.floor(np.log2(codes)).astype(int)
    logarithm = np.concatenate([[0], (power << 8) + ((codes - (1 << power)) << 8 >> power)])
    total = logarithm[:, None] + logarithm
    products = ((256 + total % 256) << (total >> 8)) >> 8
    return np.where(np.multiply.outer(np.arange(256), np.arange(256)) == 0, 0, products)


@pytest.mark.parametrize(("dropped", "rank"), [(0, 1), (4, 5), (6, 7), (8, 7), (9, 6), (11, 4)])
def test_multipliers_that_leave_something_out_are_sums_of_products(dropped, rank):
    multiplier = TableProduct(broken_array(dropped))
    assert multiplier.rank == rank and multiplier.terms is not None
    u, v = multiplier.terms
    assert u.shape == (256, rank) and np.array_equal(u @ v, multiplier.products)


@pytest.mark.parametrize("offset", [0, -70_000, 1 << 20])
def test_sums_of_any_products(offset):
    """By few products, by tables of 16 and of 32 bits, and in NumPy."""
    rng = np.random.default_rng(4)
    wild = rng.integers(-(1 << 29), 1 << 29, (256, 256))
    ends = (
        rng.integers(0, 99, (256, 256)) - (1 << 31),
        (1 << 31) - rng.integers(1, 99, (256, 256)),
    )
    for table in (broken_array(6), logarithmic() + offset, wild, wild >> 14, *ends):
        multiplier = TableProduct(table)
        for rows, depth, columns in ((1, 1, 1), (5, 0, 3), (3, 7, 33), (9, 130, 70)):
            a, b = rng.integers(0, 256, (rows, depth)), rng.integers(0, 256, (depth, columns))
            wanted = table[a.T[:, :, None], b[:, None]].sum(axis=0)
            for threads in (1, 3):
                assert np.array_equal(multiplier.sums(a, b, threads=threads), wanted)
            assert np.array_equal(multiplier.golden(a, b), wanted)


def test_impossible_tables_are_refused():
    with pytest.raises(ValueError, match=r"products must be 256 x 256 integers, not \(2, 2\)"):
        TableProduct(np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="products must be between -2\\^31 and 2\\^31 - 1"):
        TableProduct(np.full((256, 256), 1 << 31))
    multiplier = TableProduct(np.zeros((256, 256), int))
    assert multiplier.rank == 0
    with pytest.raises(ValueError, match="codes must be between 0 and 255"):
        multiplier.sums([[256]], [[0]])
    with pytest.raises(ValueError, match="codes must be integers, not float64"):
        multiplier.sums([[1.0]], [[0]])
    with pytest.raises(ValueError, match=r"matrices must fit, not \(1, 1\) and \(2, 1\)"):
        multiplier.sums([[1]], [[0], [0]])
