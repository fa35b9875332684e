"""Multiply-accumulate over time against a step-by-step model on Fractions."""

import doctest
import math
from fractions import Fraction

import numpy as np
import pytest

from holigrail_hw.formats import FixedFormat, FormatError, parse
from holigrail_hw.golden import accumulate, accumulation, exact_sums

TIME, LANES = 120, 3


def operands(a, b, seed, time=TIME):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 1 << a.width, (time, LANES))
    y = rng.integers(0, 1 << b.width, (time, LANES))
    clear, enable = rng.random((time, LANES)) < 0.1, rng.random((time, LANES)) < 0.8
    return x, y, clear, enable


def times(p, q):
    """A product of decoded values: Fractions while they are exact, floats for the rest."""
    if p == 0 and abs(q) < math.inf or q == 0 and abs(p) < math.inf:
        return math.copysign(1, p) * math.copysign(1, q) * 0.0
    if all(isinstance(value, Fraction) for value in (p, q)):
        return p * q
    return float(p) * float(q) if p == p and q == q else math.nan


def plus(p, q, mode):
    if all(isinstance(value, Fraction) or value == 0 for value in (p, q)):
        if p == 0 and q == 0:
            signs = {math.copysign(1, p), math.copysign(1, q)}
            return 0.0 * (signs.pop() if len(signs) == 1 else (-1 if mode == "down" else 1))
        total = Fraction(p) + Fraction(q)
        return total if total else (-0.0 if mode == "down" else 0.0)
    specials = {value for value in (p, q) if isinstance(value, float) and value != 0}
    return specials.pop() if len(specials) == 1 else math.nan


def stepwise(a, b, accumulator, x, y, clear, enable, mode, overflow, product, words, lane):
    """One lane, one step at a time, by encode and decode alone."""

    def value_of(fmt, code):
        return fmt.unpack(int(code)).to_fractions()[()]

    def code_of(fmt, value, step, limit, table):
        options = {"overflow": limit}
        if mode == "stochastic":
            options |= {"random": int(table[step, lane]), "random_width": 4}
        return int(fmt.encode([value], rounding=mode, **options)[0])

    state, states = 0, []
    for step in range(len(x)):
        term = times(value_of(a, x[step, lane]), value_of(b, y[step, lane]))
        if product is not None:
            term = value_of(product, code_of(product, term, step, None, words[1]))
        if clear[step, lane] and not enable[step, lane]:
            state = 0
        elif enable[step, lane]:
            if not clear[step, lane]:
                term = plus(value_of(accumulator, state), term, mode)
            state = code_of(accumulator, term, step, overflow, words[0])
        states.append(state)
    return states


CASES = [
    ("int8", "int8", "int16", None, "wrap"),
    ("int8", "uint4", "int12", None, "saturate"),
    ("uint8", "uint8", "uint18", None, "wrap"),
    ("int4", "int4", "int32", "int6", "saturate"),
    ("sfix8_en4", "sfix6_en3", "sfix12_en5", None, "wrap"),
    ("sfix8_en4", "ufix6_en3", "sfix16_en5", None, "saturate"),
    ("sfix8_en-2", "int4", "sfix20_en-1", None, "wrap"),
    ("binary", "binary", "int6", None, "wrap"),
    ("ternary", "int8", "int10", None, "saturate"),
    ("int32", "int32", "int64", None, "wrap"),
    ("fp8_e4m3", "fp8_e5m2", "fp16", None, None),
    ("fp8_e4m3", "fp8_e4m3", "fp16", "fp16", None),
    ("fp4_e2m1", "fp6_e2m3", "fp8_e4m3_sat", None, None),
    ("fp4_e2m1", "fp4_e2m1", "e4m3_fnuz", "e5m2_fnuz", None),
    ("bf16", "bf16", "fp32", None, None),
    ("fp16", "fp16", "fp16_flush", "bf16", None),
    ("int8", "fp8_e4m3", "fp16", None, None),
    ("fp8_e5m2", "int4", "sfix16_en4", None, "saturate"),
]


@pytest.mark.parametrize("mode", ["nearest_even", "down", "to_odd", "stochastic"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(str(part) for part in case))
def test_accumulate_equals_single_steps(case, mode):
    *names, overflow = case
    a, b, accumulator = map(parse, names[:3])
    product = parse(names[3]) if names[3] else None
    x, y, clear, enable = operands(a, b, 11)
    words = np.random.default_rng(12).integers(0, 16, (2, TIME, LANES))
    got = accumulate(
        a.unpack(x),
        b.unpack(y),
        accumulator,
        product=product,
        rounding=mode,
        overflow=overflow,
        clear=clear,
        enable=enable,
        random=words[0],
        product_random=words[1],
        random_width=4,
    )
    assert got.shape == (TIME, LANES)
    for lane in range(LANES):
        expected = stepwise(
            a, b, accumulator, x, y, clear, enable, mode, overflow, product, words, lane
        )
        assert got[:, lane].tolist() == expected


def test_controls():
    int8, int16 = parse("int8"), parse("int16")
    x, one = int8.unpack([1, 2, 4, 8, 16, 32]), int8.unpack(1)
    clear, enable = [0, 0, 1, 1, 0, 0], [1, 1, 1, 0, 0, 1]
    for overflow in ("wrap", "saturate"):
        got = accumulate(x, one, int16, overflow=overflow, initial=100, clear=clear, enable=enable)
        assert got.tolist() == [101, 103, 4, 0, 0, 32]
    lanes = accumulate(x.reshape(3, 2), one, int16, clear=[0, 1, 0])
    assert lanes.tolist() == [[1, 2], [4, 8], [20, 40]]


def test_clear_takes_the_product_alone_with_its_sign():
    fp16 = parse("fp16")
    x, y = fp16.unpack(fp16.encode([-0.0, -0.0])), fp16.unpack(fp16.encode([1.0, 1.0]))
    assert accumulate(x, y, fp16, clear=True).tolist() == [0x8000, 0x8000]
    assert accumulate(x, y, fp16).tolist() == [0, 0]
    assert accumulate(x, y, fp16, clear=[1, 0]).tolist() == [0x8000, 0x8000]


def test_one_rounding_differs_from_two():
    fp16 = parse("fp16")
    x = fp16.unpack(fp16.encode([2.0**-11, 1 + 2.0**-10]))
    y = fp16.unpack(fp16.encode([1, 1 + 2.0**-10]))
    # (1 + 2^-10)^2 + 2^-11 = 1 + 2^-9 + 2^-11 + 2^-20 lies just above a tie.
    fused, cascade = accumulate(x, y, fp16), accumulate(x, y, fp16, product=fp16)
    assert fp16.decode(fused).tolist() == [2.0**-11, 1 + 2.0**-9 + 2.0**-10]
    assert fp16.decode(cascade).tolist() == [2.0**-11, 1 + 2.0**-9]


def test_an_accumulator_must_hold_zero():
    with pytest.raises(FormatError) as caught:
        accumulate(parse("int8").unpack([1]), parse("int8").unpack([1]), parse("binary"))
    assert str(caught.value) == "binary: accumulator must hold zero, but has no code for it"


@pytest.mark.parametrize(
    ("names", "register"),
    [
        (("fp8_e4m3", "fp8_e4m3"), (36 + 8, 18)),
        (("fp4_e2m1", "fp4_e2m1"), (8 + 8, 2)),
        (("fp6_e2m3", "fp6_e3m2"), (15 + 8, 7)),
        (("fp8_e4m3", "fp8_e5m2"), (50 + 8, 25)),
        (("bf16", "bf16"), (522 + 8, 266)),
        (("int8", "int4"), (20, 0)),
    ],
)
def test_exact_sums_equal_fractions(names, register):
    a, b = map(parse, names)
    x, y, clear, enable = operands(a, b, 13)
    for accumulator in (None, FixedFormat(register[0], True, register[1])):
        sums = exact_sums(
            a.unpack(x), b.unpack(y), clear=clear, enable=enable, accumulator=accumulator
        )
        got = sums.to_fractions()
        left, right = a.unpack(x).to_fractions(), b.unpack(y).to_fractions()
        for lane in range(LANES):
            terms = []
            for step in range(TIME):
                terms = [] if clear[step, lane] else terms
                if enable[step, lane]:
                    terms.append(times(left[step, lane], right[step, lane]))
                special = {t for t in terms if isinstance(t, float) and t != 0}
                if special:
                    is_nan = len(special) > 1 or any(t != t for t in special)
                    value = math.nan if is_nan else special.pop()
                else:
                    value = sum(map(Fraction, terms), Fraction(0))
                assert got[step, lane] == value or (value != value and sums.is_nan[step, lane])


def test_exact_sums_forget_special_values_at_a_clear():
    fp16 = parse("fp16")
    one = fp16.unpack(fp16.encode(1.0))
    x = fp16.unpack(fp16.encode([1.0, math.inf, 2.0, -math.inf, 3.0, 4.0, math.nan]))
    sums = exact_sums(x, one, clear=[0, 0, 0, 0, 1, 0, 0])
    got = fp16.decode(fp16.project(sums)).tolist()
    assert got[:3] == [1, math.inf, math.inf] and math.isnan(got[3])
    assert got[4:6] == [3, 7] and math.isnan(got[6])
    held = exact_sums(x, one, enable=[1, 0, 1, 0, 1, 1, 0])
    assert fp16.decode(fp16.project(held)).tolist() == [1, 1, 3, 3, 6, 10, 10]


def test_exact_sums_wrap_in_their_register():
    int8 = parse("int8")
    x = int8.unpack([100] * 5)
    sums = exact_sums(x, x, accumulator=FixedFormat(16))
    assert sums.to_fractions().tolist() == [10000, 20000, 30000, 40000 - 65536, 50000 - 65536]
    unsigned = exact_sums(x, x, accumulator=FixedFormat(15, False))
    assert unsigned.to_fractions().tolist() == [10000, 20000, 30000, 40000 - 32768, 50000 - 32768]


def test_exact_sums_refuse_a_register_that_is_too_coarse():
    fmt = parse("fp8_e4m3")
    with pytest.raises(FormatError) as caught:
        exact_sums(fmt.unpack([1]), fmt.unpack([1]), accumulator=FixedFormat(40, True, 17))
    assert str(caught.value) == (
        "sfix40_en17: fraction width must be at least 18 to hold every product exactly, not 17"
    )


def test_exact_read_out_has_one_rounding():
    fp16 = parse("fp16")
    # 1, then 2048 times 2^-12 = 1/2: lost step by step, kept exactly.
    x = fp16.unpack(fp16.encode(np.array([1.0] + [2.0**-12] * 2048)))
    one = fp16.unpack(fp16.encode(1.0))
    assert float(fp16.decode(accumulate(x, one, fp16)[-1])) == 1
    assert float(fp16.decode(fp16.project(exact_sums(x, one)[-1]))) == 1.5


def test_long_integer_sums_do_not_overflow_the_arrays():
    int32 = parse("int32")
    low = int32.unpack(np.full(5000, 1 << 31))
    got = accumulate(low, low, parse("int64"), overflow="wrap")
    assert got.tolist() == [(k << 62) % 2**64 for k in range(1, 5001)]
    assert exact_sums(low, low)[-1].to_fractions()[()] == 5000 << 62


def test_docstring_example():
    results = doctest.testmod(accumulation)
    assert results.failed == 0 and results.attempted >= 3
