"""Compiled matrix products against the golden models: every format, mode and way of adding."""

import itertools
import warnings

import numpy as np
import pytest
from product_samples import WAYS, differences, operands

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.formats import parse
from holigrail_hw.kernels import Gemm, GivenWords, Philox, ShiftRegister, decode, encode
from holigrail_hw.kernels import library as native
from holigrail_hw.kernels import sums as rounded_sums

MODES = ("nearest_even", "nearest_away", "toward_zero", "up", "down", "to_odd")
STOCHASTIC = ("stochastic", "stochastic_b", "stochastic_c")
OPERANDS = ("fp4_e2m1", "fp6_e3m2", "fp8_e4m3", "fp8_e5m2", "fp16", "bf16", "posit8_0", "int8")
SUMS = ("fp16", "bf16", "fp8_e4m3", "e5m10_sat", "e5m10_flush", "e4m3_fnuz", "dlfloat16")
SUMS += ("e8m12", "fp32", "fp4_e2m1", "binary8p3")


@pytest.mark.parametrize("sums", SUMS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(map(str, way.values())))
def test_products_equal_the_golden_model(way, sums, request):
    """Two modes and two pairs of formats of each, others for every way and format."""
    number = WAYS.index(way) * len(SUMS) + SUMS.index(sums)
    rng = np.random.default_rng(number)
    for turn in range(2):
        mode = "nearest_even" if turn == 0 else MODES[(number + turn) % len(MODES)]
        a, b = (OPERANDS[(number * step + turn) % len(OPERANDS)] for step in (3, 5))
        gemm = Gemm(a=a, b=b, accumulator=sums, rounding=mode, **way)
        for scale in (1.0, None):
            assert not differences(gemm, *operands(gemm, rng, scale)), (gemm, scale)


def begun(gemm, rng, columns):
    """Codes of what the sums of some columns begin with."""
    return gemm.accumulator.encode(rng.normal(size=columns) * 30)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(map(str, way.values())))
@pytest.mark.parametrize("sums", ("fp16", "e4m3_sat", "fp32", "int20", "sfix12_en2"))
def test_sums_begin_with_a_number_of_their_column(way, sums):
    modes = ("nearest_even", "down", "stochastic")
    windows = way["accumulation"] == "window"
    for turn, mode in enumerate(modes if "chunk" not in way else modes[:2]):
        if windows and "m" not in sums and sums != "fp16":
            continue
        pair = ("int8", "int8") if "m" not in sums and "p" not in sums else OPERANDS[2:4]
        if sums == "int20" and "product" in way:
            continue
        gemm = Gemm(a=pair[0], b=pair[1], accumulator=sums, rounding=mode, **way)
        rng = np.random.default_rng(turn)
        random = Philox(5) if mode == "stochastic" else None
        for shape in ((7, 13, 19), (3, 0, 5), (1, 1, 1)):
            a, b = operands(gemm, rng, shape=shape)
            begin = begun(gemm, rng, shape[2])
            if windows:
                with pytest.raises(ValueError, match="initial must be left out with accumulation"):
                    gemm.codes(a, b, random=random, initial=begin)
                continue
            wanted = gemm.golden(a, b, random=random, initial=begin)
            assert np.array_equal(gemm.codes(a, b, random=random, initial=begin, threads=2), wanted)
            x, y, z = (decode(f, v) for f, v in ((gemm.a, a), (gemm.b, b), (sums, begin)))
            found = gemm.numbers(x, y, random=random, initial=z)
            assert np.array_equal(found, decode(sums, wanted), equal_nan=True)


def test_a_sum_begins_before_its_products():
    """2048 + 1 is 2048 in fp16, and so it is eight times; the sum of ones alone would be 8."""
    ones, begin = np.ones((1, 8), np.float32), np.array([2048.0, -0.0, np.inf])
    gemm = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")
    assert gemm.numbers(ones, np.ones((8, 3)), initial=begin).tolist() == [[2048.0, 8.0, np.inf]]
    assert gemm.numbers(ones[:, :0], np.ones((0, 3)), initial=begin).tolist() == [begin.tolist()]
    # Nothing overflows without what the sums begin with.
    found = gemm.numbers(ones * 448, np.full((8, 1), 4.0), initial=np.array([65504.0]))
    assert found.tolist() == [[np.inf]]
    with pytest.raises(ValueError, match=r"initial must be of 3 columns, not \(2,\)"):
        gemm.numbers(ones, np.ones((8, 3)), initial=begin[:2])
    with pytest.raises(ValueError, match="initial must hold numbers of fp16, not 2049"):
        gemm.numbers(ones, np.ones((8, 1)), initial=[2049.0])
    chain = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16", start="product")
    with pytest.raises(ValueError, match="initial must be left out with start product"):
        chain.numbers(ones, np.ones((8, 1)), initial=[1.0])


@pytest.mark.heavy
@pytest.mark.parametrize("mode", MODES + STOCHASTIC)
@pytest.mark.parametrize("sums", SUMS)
def test_all_products_equal_the_golden_model(sums, mode):
    for number, (way, a, b) in enumerate(itertools.product(WAYS, OPERANDS, OPERANDS)):
        if mode in STOCHASTIC and "chunk" in way:
            continue
        rng = np.random.default_rng(number)
        gemm = Gemm(a=a, b=b, accumulator=sums, rounding=mode, random_width=9, **way)
        random = Philox(number) if mode in STOCHASTIC else None
        for scale in (1.0, 2.0**-6, None):
            found = operands(gemm, rng, scale, (5, 9, 18))
            assert not differences(gemm, *found, random=random), (gemm, scale)


@pytest.mark.parametrize("mode", MODES)
def test_many_sums_and_some_products(mode):
    """c + p for finite fp16 numbers c and products of E4M3: two steps, the first exact."""
    fp16 = parse("fp16")
    every = np.arange(1 << 16, dtype=np.uint64)[np.isfinite(decode("fp16", np.arange(1 << 16)))]
    every = every[:: 11 if mode != "nearest_even" else 3]
    a = np.stack([every, np.full_like(every, int(fp16.encode(1)))], axis=1)
    products = [2.0**-18, -(2.0**-18), 1.75 * 2.0**-13, -(225 / 64) * 2.0**-10, 49.0, -3.515625]
    b = fp16.encode(np.array([[1.0] * len(products), products]))
    gemm = Gemm(a="fp16", b="fp16", accumulator="fp16", rounding=mode)
    assert not differences(gemm, a, b)


@pytest.mark.heavy
@pytest.mark.parametrize("mode", MODES)
def test_every_sum_and_forty_products(mode):
    """All 2^16 codes, infinities and NaN too, in a product of their own and with the others."""
    rng = np.random.default_rng(2)
    fp16, e4m3 = parse("fp16"), parse("fp8_e4m3")
    products = np.prod(e4m3.decode(rng.integers(0, 0x70, (2, 40))), axis=0)
    products *= np.where(np.arange(40) % 2, -1, 1)
    b = fp16.encode(np.stack([np.ones(40), products]))
    assert np.array_equal(fp16.decode(b[1]), products)
    every = np.arange(1 << 16, dtype=np.uint64)
    gemm = Gemm(a="fp16", b="fp16", accumulator="fp16", rounding=mode)
    for some in (every[np.isfinite(decode("fp16", every))], every):
        a = np.stack([some, np.full_like(some, int(fp16.encode(1)))], axis=1)
        assert not differences(gemm, a, b)


@pytest.mark.parametrize(("sums", "low"), [("fp16", -11), ("fp32", -72)])
def test_floats_of_the_processor(sums, low):
    """Sums whose steps are the processor's own: subnormal numbers, infinities, signs of zeros."""
    rng = np.random.default_rng(23)
    pairs = [("fp8_e4m3", "fp8_e5m2"), ("fp16", "fp16"), ("int8", "fp8_e4m3")]
    pairs += [("fp32", "fp32"), ("fp32", "bf16"), ("tf32", "fp16")] if sums == "fp32" else []
    for a, b in pairs:
        for way in (*WAYS[:2], {"chunk": 3}, {"start": "product"}):
            gemm = Gemm(a=a, b=b, accumulator=sums, **way)
            for scale in (1.0, 2.0**low, 2.0 ** (5 if sums == "fp16" else 62), None):
                given = operands(gemm, rng, 1.0 if a == "int8" and scale else scale)
                assert not differences(gemm, *given), (gemm, scale)
    zeros = np.array([[0x8000, 0x3C00, 0x3C00]]), np.array([[0x3C00], [0x3C00], [0xBC00]])
    for start in ("zero", "product"):
        gemm = Gemm(a="fp16", b="fp16", accumulator=sums, start=start)
        for depth in (1, 3):
            assert not differences(gemm, zeros[0][:, :depth], zeros[1][:depth])
    if native.instructions() == "AVX-512 FP16" or (
        sums == "fp32" and native.instructions() != "portable"
    ):
        assert gemm.path(*zeros) == f"float{sums[2:]} of the processor"


@pytest.mark.parametrize("via", ["float32", "mptorch"])
@pytest.mark.parametrize("sums", ["fp16", "bf16", "fp32", "e5m2_flush", "e5m10_sat", "fp8_e5m2"])
def test_through_float32(sums, via):
    rng = np.random.default_rng(3)
    for number, way in enumerate(WAYS[:5]):
        a = ("fp16", "fp8_e5m2", "tf32", "bf16")[number % 4]
        gemm = Gemm(a=a, b="bf16", accumulator=sums, via=via, **way)
        for scale in (2.0**-7, None):
            found = operands(gemm, rng, scale, (3, 9, 18))
            assert not differences(gemm, *found), (gemm, scale)


def test_infinities_of_both_signs_in_float32():
    """Numbers at which the constant of the rounding would itself be infinite go another way."""
    gemm = Gemm(a="fp8_e4m3", b="bf16", accumulator="fp8_e5m2", via="float32", chunk=3)
    rng = np.random.default_rng(4)
    for _ in range(8):
        a = rng.integers(0, 0x7F, (3, 9)) | rng.integers(0, 2, (3, 9)) << 7
        b = rng.integers(0, 0x7F80, (9, 5)) | rng.integers(0, 2, (9, 5)) << 15
        assert not differences(gemm, a, b)


@pytest.mark.parametrize("mode", STOCHASTIC)
@pytest.mark.parametrize("random", [Philox(5, 6, 7, 8), ShiftRegister(99)], ids=["philox", "lfsr"])
def test_stochastic_rounding(mode, random):
    rng = np.random.default_rng(5)
    for sums, width in (("fp16", 16), ("e4m3_sat", 3), ("e5m10_flush", 20), ("fp8_e5m2", 1)):
        for way in (WAYS[0], WAYS[1], WAYS[5], WAYS[6]):
            given = {"accumulator": sums, "rounding": mode, "random_width": width, **way}
            gemm = Gemm(a="fp8_e4m3", b="fp8_e4m3", **given)
            for scale in (1.0, None):
                found = operands(gemm, rng, scale, (3, 11, 35))
                assert not differences(gemm, *found, random=random), (gemm, scale)


@pytest.mark.parametrize("mode", STOCHASTIC)
@pytest.mark.parametrize("width", [23, 24, 32])
def test_words_of_many_bits(width, mode):
    """Where float32 would hold all sums, but not what words stand for."""
    rng = np.random.default_rng(width)
    how = {"rounding": mode, "random_width": width}
    gemm = Gemm(a="fp4_e2m1", b="fp4_e2m1", accumulator="fp8_e4m3", **how)
    a, b = operands(gemm, rng, None, (40, 4, 60))
    assert ("float32" in gemm.path(a, b)) == (width < 24)
    # Words around halves, too, where a bit less decides.
    words = rng.integers(0, 1 << width, (4, 40, 60))
    near = (1 << width - 1) + rng.integers(-2, 2, words.shape)
    for random in (Philox(seed=3), GivenWords(words), GivenWords(near)):
        assert not differences(gemm, a, b, random=random)
    # Thresholds below the last subnormal number.
    gemm = Gemm(a="e3m1_bias60", b="e3m1_bias60", accumulator="e5m3_bias140", **how)
    a, b = operands(gemm, rng, None, (10, 4, 20))
    assert not differences(gemm, a & 0x17, b & 0x17, random=Philox(seed=4))


@pytest.mark.parametrize("mode", MODES)
def test_factors_beyond_float32_with_products_within(mode):
    rng = np.random.default_rng(22)
    for accumulation in ("fused", "cascade"):
        how = {"accumulation": accumulation, "rounding": mode}
        gemm = Gemm(a="e8m10_bias200", b="sfix6_en-40", accumulator="bf16", **how)
        for exponent in range(0, 60, 6):
            # Exponents of a from -199 on, with few bits, and one product each.
            a = (exponent << 10) + rng.integers(0, 1 << 10, (3, 1))
            assert not differences(gemm, a, rng.integers(0, 64, (1, 19)))


@pytest.mark.parametrize("start", ["zero", "product"])
@pytest.mark.parametrize("sums", ["e4m3_fnuz", "e3m2_bias12", "e3m2_fnuz"])
def test_zeros_without_a_sign(sums, start):
    rng = np.random.default_rng(23)
    factors = "e4m3_bias20"
    for way in ({}, {"accumulation": "cascade", "product": "e4m3_fnuz", "chunk": 2}):
        gemm = Gemm(a=factors, b=factors, accumulator=sums, start=start, **way)
        a, b = operands(gemm, rng, None, (9, 2, 40))
        a, b = (np.where(np.isfinite(decode(factors, v)), v, 1) for v in (a, b))
        assert not differences(gemm, a, b)
        found = gemm.numbers(decode(factors, a), decode(factors, b))
        wanted = decode(sums, gemm.golden(a, b))
        assert np.array_equal(np.signbit(found), np.signbit(wanted))


@pytest.mark.parametrize("mode", ["up", "down", "to_odd"])
def test_products_of_almost_nothing(mode):
    """They are not zero, however far below every place of the sums."""
    a, b = np.array([[1, 5], [130, 3]]), np.array([[1, 7], [4, 1]])
    for factors, sums in (
        ("e4m3_bias380", "fp16"),
        ("e8m3_bias300", "sfix16_en-100"),
        ("sfix8_en550", "fp16"),
        ("sfix20_en900", "int16"),
        ("sfix8_en-900", "sfix16_en-1850"),
    ):
        for accumulation in ("fused", "cascade", "window", "exact"):
            if accumulation == "window" and sums != "fp16":
                continue
            how = {"accumulation": accumulation, "rounding": mode}
            gemm = Gemm(a=factors, b=factors, accumulator=sums, **how)
            assert not differences(gemm, a, b), gemm


def test_given_words_decide():
    gemm = Gemm(a="fp16", b="fp16", accumulator="fp8_e5m2", rounding="stochastic", random_width=4)
    rng = np.random.default_rng(6)
    words = GivenWords(rng.integers(0, 16, (13, 7, 19)))
    assert not differences(gemm, *operands(gemm, rng), random=words)
    low, high = (GivenWords(np.full((1, 1, 1), word)) for word in (0, 15))
    a, b = encode("fp16", [[1.125]]), encode("fp16", [[1.0]])
    assert gemm.codes(a, b, random=low).tolist() == [[int(encode("fp8_e5m2", 1.0))]]
    assert gemm.codes(a, b, random=high).tolist() == [[int(encode("fp8_e5m2", 1.25))]]


@pytest.mark.parametrize("accumulation", ["fused", "cascade"])
def test_the_words_of_a_unit_with_a_shift_register(accumulation):
    """What the unit itself computes, element by element, each from a clear."""
    mac = Mac(
        a=parse("fp8_e4m3"),
        b=parse("fp8_e4m3"),
        accumulator=parse("fp16"),
        accumulation=accumulation,
        rounding="stochastic",
        random_width=7,
        random_source="lfsr",
        lfsr_seed=1234,
    )
    gemm = Gemm(
        a=mac.a,
        b=mac.b,
        accumulator=mac.accumulator,
        accumulation=accumulation,
        rounding="stochastic",
        random_width=7,
        start="product",
    )
    a, b = operands(gemm, np.random.default_rng(7), shape=(3, 5, 4))
    x = np.repeat(a[:, None, :], 4, axis=1).reshape(-1)
    y = np.repeat(b.T[None], 3, axis=0).reshape(-1)
    clear = (np.arange(60) % 5 == 0).astype(np.uint64)
    steps = mac.golden(x, y, clear, np.ones(60, np.uint64))["result"]
    assert np.array_equal(gemm.codes(a, b, random=ShiftRegister(1234)).ravel(), steps[4::5])


@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
@pytest.mark.parametrize("sums", ["int8", "int20", "int32", "sfix16_en6", "uint12"])
def test_fixed_point_sums(sums, overflow):
    rng = np.random.default_rng(8)
    for a, b in (
        ("int8", "int8"),
        ("uint8", "sfix8_en4"),
        ("binary", "int8"),
        ("int8", "fp8_e4m3"),
    ):
        gemm = Gemm(a=a, b=b, accumulator=sums, overflow=overflow)
        assert not differences(gemm, *operands(gemm, rng, None))


def test_exact_sums_of_many_bits():
    """Factors that float64 multiplies in one piece, and in several."""
    rng = np.random.default_rng(9)
    for a, b in (("fp8_e4m3", "fp8_e4m3"), ("fp8_e5m2", "fp8_e5m2"), ("fp16", "bf16")):
        for sums in ("fp32", "int24", "fp16", "posit16_1"):
            gemm = Gemm(a=a, b=b, accumulator=sums, accumulation="exact")
            assert not differences(gemm, *operands(gemm, rng, None))
            assert not differences(gemm, *operands(gemm, rng, 1.0))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("factors", "sums"),
    [
        # Infinities where all numbers are below 1.
        *(("e2m2_bias2", name) for name in ("e2m3_bias4", "e4m3_bias20", "e5m2_bias60")),
        ("e2m1_bias5", "e2m3_bias10"),
        # Normal numbers below those of float32.
        *(("e3m2_bias68", f"e8m{m}_bias{bias}") for m, bias in ((3, 128), (7, 129), (10, 138))),
        ("e4m1_bias67", "e8m7_bias132"),
    ],
)
def test_biases_of_all_kinds(factors, sums, mode):
    rng = np.random.default_rng(21)
    for accumulation in ("fused", "cascade"):
        how = {"accumulation": accumulation, "rounding": mode}
        gemm = Gemm(a=factors, b=factors, accumulator=sums, **how)
        a, b = operands(gemm, rng, None, (20, 6, 30))
        a, b = (np.where(np.isfinite(decode(factors, v)), v, 1) for v in (a, b))
        assert not differences(gemm, a, b)


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1), (3, 0, 4), (0, 5, 4), (2, 5, 0), (0, 0, 0), (6, 1, 16), (5, 17, 33), (17, 3, 1)],
    ids=str,
)
def test_odd_sizes(shape):
    for way in WAYS:
        gemm = Gemm(a="fp8_e4m3", b="fp8_e5m2", accumulator="fp16", **way)
        a, b = operands(gemm, np.random.default_rng(10), shape=shape)
        found = gemm.codes(a, b)
        assert found.shape == (shape[0], shape[2]) and found.dtype == np.uint64
        assert np.array_equal(found, gemm.golden(a, b))
        x, y = decode(gemm.a, a), decode(gemm.b, b)
        assert gemm.numbers(x, y).shape == found.shape


def test_long_sums():
    """Against NumPy's fp16, to which one sum of a number of fp16 and a product is rounded once."""
    gemm = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")
    a, b = operands(gemm, np.random.default_rng(11), shape=(2, 100_000, 3))
    x, y = decode("fp8_e4m3", a).astype(np.float64), decode("fp8_e4m3", b).astype(np.float64)
    total = np.zeros((2, 3))
    for k in range(100_000):
        total = (total + x[:, k, None] * y[k]).astype(np.float16).astype(np.float64)
    assert np.array_equal(gemm.numbers(x, y), total)


def test_matrices_may_be_transposed_or_have_gaps():
    gemm = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")
    a, b = operands(gemm, np.random.default_rng(12), shape=(8, 12, 10))
    wanted = gemm.golden(a, b)
    assert np.array_equal(gemm.codes(np.asfortranarray(a), b.T.copy().T), wanted)
    assert np.array_equal(gemm.codes(np.repeat(a, 2, axis=1)[:, ::2], b[:, ::-1])[:, ::-1], wanted)
    assert np.array_equal(gemm.codes(a.astype(np.uint8), b.astype(np.int16)), wanted)


def test_a_wrong_constant_is_noticed(monkeypatch):
    """One bit of the constant that rounds: it must be 3/2 of a power of two."""
    gemm = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="e6m9")
    a, b = operands(gemm, np.random.default_rng(17), shape=(20, 60, 20))
    assert not differences(gemm, a, b)
    right = rounded_sums.rounding32_of

    def wrong(format):
        found = right(format)
        found.magic ^= 1 << 22
        return found

    monkeypatch.setattr(rounded_sums, "rounding32_of", wrong)
    assert differences(gemm, a, b)


def test_numbers_are_codes_decoded():
    gemm = Gemm(a="fp8_e4m3", b="fp8_e5m2", accumulator="fp16")
    a, b = operands(gemm, np.random.default_rng(18))
    x, y = decode("fp8_e4m3", a), decode("fp8_e5m2", b)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = gemm.numbers(x, y)
    assert found.dtype == np.float32
    assert np.array_equal(found, decode("fp16", gemm.codes(a, b)))
    assert gemm.numbers(x.astype(np.float64), y.tolist()).dtype == np.float32
    # -128 has no magnitude in int8.
    sums = Gemm(a="int8", b="int8", accumulator="int16", overflow="saturate")
    x, y = np.full((1, 6), -128, np.int8), np.array([[127]] * 3 + [[-127]] * 3, np.int8)
    assert sums.numbers(x, y).tolist() == [[16000.0]] == sums.numbers(x * 1.0, y * 1.0).tolist()
