"""Numbers of programs as codes: nothing changes unless it is asked for."""

from fractions import Fraction

import numpy as np
import pytest

from holigrail_hw.formats import FixedFormat, FormatError, parse
from holigrail_hw.formats.values import codes_of, integers_of, whole_codes

NAN, INFINITE = float("nan"), float("inf")
FORMATS = ["int1", "int8", "uint3", "int64", "uint64", "sfix8_en4", "ufix5_en-2", "binary"]
FORMATS += ["ternary", "fp8_e4m3", "fp8_e5m2", "fp4_e2m1", "e4m3_fnuz", "fp16", "bf16", "fp32"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_number_of_a_format_is_taken_as_it_is(name):
    format = parse(name)
    codes = list(range(1 << format.width)) if format.width <= 8 else format.corner_codes()
    numbers = format.decode(codes)
    found = format.decode(codes_of(numbers, format, "x"))
    for given, back in zip(numbers.tolist(), found.tolist(), strict=True):
        assert given == back or (given != given and back != back)
    as_list = codes_of(numbers.tolist(), format, "x")
    assert np.array_equal(as_list, codes_of(numbers, format, "x"))


@pytest.mark.parametrize(
    ("value", "name", "message"),
    [
        (0.7, "int8", "x must be a whole number, not 0.7"),
        ([[1, 300]], "int8", "x must be between -128 and 127, not 300 at 0, 1"),
        ([-1], "uint64", "x must be between 0 and 18446744073709551615, not -1 at 0"),
        (2**63, "int64", "x must be between -9223372036854775808 and 9223372036854775807, not"),
        (NAN, "int8", "x must be a finite number (int8 holds no such), not nan"),
        (
            [1, -INFINITE],
            "fp8_e4m3",
            "x must be a finite number (fp8_e4m3 holds no such), not -inf",
        ),
        (NAN, "fp4_e2m1", "x must be a finite number (fp4_e2m1 holds no such), not nan"),
        (0.3, "fp8_e4m3", "x must be a number of fp8_e4m3, not 0.3"),
        (Fraction(1, 3), "fp32", "x must be a number of fp32, not 0.333333333"),
        (500, "fp8_e4m3", "x must be between -448 and 448, not 500"),
        (0.03125, "sfix8_en4", "x must be a number of sfix8_en4, not 0.03125"),
        (8, "sfix8_en4", "x must be between -8 and 7.9375, not 8"),
        (0, "binary", "x must be -1 or 1, not 0"),
        ([1, 5], "ternary", "x must be -1, 0 or 1, not 5 at 1"),
        ([[1], [1, 2]], "int8", "x: rows must have one length, not several"),
        (["1"], "int8", "x: values must be real numbers, not str"),
    ],
)
def test_what_a_format_does_not_hold_is_refused(value, name, message):
    with pytest.raises(FormatError) as caught:
        codes_of(value, parse(name), "x")
    assert str(caught.value).startswith(message)


def test_rounding_and_saturation_are_asked_for_by_name():
    int8, fp8 = parse("int8"), parse("fp8_e4m3")
    found = codes_of([2.5, -2.5, 127], int8, "x", rounding="nearest_even")
    assert integers_of(found, int8).tolist() == [2, -2, 127]
    assert integers_of(codes_of([-2.5], int8, "x", rounding="down"), int8).tolist() == [-3]
    for value in (127.5, 300, INFINITE):
        with pytest.raises(FormatError):
            codes_of(value, int8, "x", rounding="nearest_even")
        assert int(codes_of(value, int8, "x", saturate=True)) == 127
    assert fp8.decode(codes_of([0.3, -1e9], fp8, "x", rounding="up", saturate=True)).tolist() == [
        0.3125,
        -448,
    ]
    for value, options in ((0.7, {"saturate": True}), (NAN, {"rounding": "up", "saturate": True})):
        with pytest.raises(FormatError):
            codes_of(value, int8, "x", **options)
    for mode, message in (("stochastic", "needs random words"), ("best", "must be one of")):
        with pytest.raises(FormatError, match=message):
            codes_of(1, int8, "x", rounding=mode)


@pytest.mark.parametrize("width", [1, 2, 8, 33, 62, 63, 64, 65, 100])
@pytest.mark.parametrize("signed", [False, True])
def test_integers_of_codes(width, signed):
    format = FixedFormat(width, signed=signed)
    wanted = [format.minimum, format.maximum, 0, format.maximum // 3]
    codes = np.array([number % (1 << width) for number in wanted], object)
    found = integers_of(codes.astype(np.uint64) if width <= 64 else codes, format)
    assert [int(value) for value in found] == wanted


def test_codes_are_whole_and_fit():
    assert whole_codes([1, 2**64 - 1], 64, "x").tolist() == [1, 2**64 - 1]
    assert whole_codes([2**70], 71, "x").tolist() == [2**70]
    for value, message in (
        ([0.7], "x must hold integer codes, not float64"),
        (np.array([1, 0.7], object), "x must hold integer codes, not float"),
        ([-1], "x must hold codes of 3 bits, not -1"),
        ([8], "x must hold codes of 3 bits, not 8"),
    ):
        with pytest.raises(FormatError) as caught:
            whole_codes(value, 3, "x")
        assert str(caught.value) == message
