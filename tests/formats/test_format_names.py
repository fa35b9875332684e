"""Names: parsing, canonical spelling, listing, and the words of every refusal."""

import doctest
import subprocess
import sys
from itertools import product
from typing import Any

import pytest

from holigrail_hw.formats import (
    FixedFormat,
    FloatFormat,
    FormatError,
    Rounding,
    named,
    names,
    parse,
    patterns,
)
from holigrail_hw.formats.exact import Exact

LISTED = "`holigrail list formats` shows all of them"


@pytest.mark.parametrize("name", named())
def test_named_formats_have_their_own_name(name):
    assert parse(name).name == str(parse(name)) == name
    assert parse(parse(name)) is parse(name) or parse(parse(name)) == parse(name)


def all_formats():
    for width in range(1, 65):
        for signed in (True, False):
            for fraction_width in (0, 4, -2, 70):
                yield FixedFormat(width, signed, fraction_width)
    fields = product(
        range(1, 9),
        range(24),
        (None, 11, -3),
        ("ieee", "fn", "finite", "fnuz", None),
        (True, False),
        (True, False),
    )
    make: Any = FloatFormat
    for exponent_width, fraction_width, *options in fields:
        try:
            yield make(exponent_width, fraction_width, *options)
        except FormatError:
            assert fraction_width == 0 or exponent_width == 1


def test_every_format_parses_from_its_name():
    count = 0
    names_of = {}
    for fmt in all_formats():
        assert parse(fmt.name) == fmt
        assert hash(parse(fmt.name)) == hash(fmt)
        assert names_of.setdefault(fmt.name, fmt) == fmt
        count += 1
    assert count > 9000


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("e5m10", "fp16"),
        ("e5m10_ieee", "fp16"),
        ("e8m7_flush", "bf16_flush"),
        ("e4m3_fn", "fp8_e4m3"),
        ("e4m3_sat_fn", "fp8_e4m3_sat"),
        ("e4m3_fn_bias7", "fp8_e4m3"),
        ("fp8_e4m3_bias11", "e4m3_fn_bias11"),
        ("e4m3", "e4m3"),
        ("e4m3_fnuz_bias8", "e4m3_fnuz"),
        ("e4m3_sat_flush_bias-3_fnuz", "e4m3_fnuz_bias-3_flush_sat"),
        ("e5m0_fn", "e5m0"),
        ("e2m1_finite_sat", "fp4_e2m1"),
        ("sfix8_en0", "int8"),
        ("ufix64_en0", "uint64"),
        ("sfix8_en-2", "sfix8_en-2"),
    ],
)
def test_canonical_names(given, canonical):
    assert parse(given).name == canonical


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        (
            "fp8_e4m2",
            "no format named 'fp8_e4m2'",
            f"did you mean 'fp8_e4m3'? {LISTED}",
        ),
        ("FP16", "no format named 'FP16'", f"did you mean 'fp16'? {LISTED}"),
        ("fp8", "no format named 'fp8'", f"did you mean 'fp8_e4m3'? {LISTED}"),
        ("float16", "no format named 'float16'", f"did you mean 'fp16'? {LISTED}"),
        ("bfloat16", "no format named 'bfloat16'", f"did you mean 'bf16'? {LISTED}"),
        ("trinary", "no format named 'trinary'", f"did you mean 'ternary'? {LISTED}"),
        ("int08", "no format named 'int08'", f"did you mean 'int8'? {LISTED}"),
        ("xyzzy", "no format named 'xyzzy'", LISTED),
        ("", "no format named ''", LISTED),
        (
            "fp16_saturate",
            "no format named 'fp16_saturate'",
            "options of a float are ieee, fn, finite, fnuz, bias{B}, flush, full and sat, "
            "not 'saturate'",
        ),
        (
            "sfix8",
            "no format named 'sfix8'",
            "fixed point needs its fraction bits, as in 'sfix8_en4'",
        ),
        (
            "int65",
            "int65: width must be between 1 and 64, not 65",
            "wider fixed point exists only as an exact accumulator inside an operator",
        ),
        ("uint0", "uint0: width must be between 1 and 64, not 0", None),
        (
            "sfix99_en3",
            "sfix99_en3: width must be between 1 and 64, not 99",
            "wider fixed point exists only as an exact accumulator inside an operator",
        ),
        ("e9m2", "e9m2: exponent width must be between 1 and 8, not 9", None),
        ("e0m2", "e0m2: exponent width must be between 1 and 8, not 0", None),
        ("e5m24", "e5m24: fraction width must be between 0 and 23, not 24", None),
        ("e5m2_bias2000", "e5m2: bias must be between -1000 and 1000, not 2000", None),
        (
            "e4m0_ieee",
            "e4m0_ieee: fraction width must be at least 1 to tell infinity from NaN, not 0",
            "e4m0_fn has one NaN, e4m0_finite has none",
        ),
        (
            "e1m0",
            "e1m0: must have a finite number other than zero, not only zero",
            "use a wider exponent, subnormals, or 'finite'",
        ),
        (
            "e1m3_flush",
            "e1m3_flush: must have a finite number other than zero, not only zero",
            "use a wider exponent, subnormals, or 'finite'",
        ),
        (
            "fp8_e4m3_fnuz",
            "fp8_e4m3_fnuz: special values must not be given for the named format fp8_e4m3",
            "use e4m3_fnuz",
        ),
        ("e4m3_sat_sat", "e4m3_sat_sat: sat must be given once, not 2 times", None),
        ("e4m3_bias3_bias-4", "e4m3_bias3_bias-4: bias must be given once, not 2 times", None),
        ("e4m3_fn_fnuz", "e4m3_fn_fnuz: special values must be given once, not 2 times", None),
    ],
)
def test_refusals(name, message, hint):
    with pytest.raises(FormatError) as caught:
        parse(name)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_unknown_specials_of_a_float():
    with pytest.raises(FormatError) as caught:
        FloatFormat(4, 3, specials="ocp")
    assert str(caught.value) == "e4m3: specials must be one of ieee, fn, finite, fnuz, not 'ocp'"


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("fp8_e4m3", 0x3C, "0x3c (1.5)"),
        ("fp8_e4m3", 0x01, "0x01 (2^-9)"),
        ("fp8_e4m3", 0x83, "0x83 (-3*2^-9)"),
        ("fp8_e4m3", 0x7F, "0x7f (nan)"),
        ("fp8_e4m3", 0x80, "0x80 (-0)"),
        ("fp8_e5m2", 0xFC, "0xfc (-inf)"),
        ("fp16", 0x7BFF, "0x7bff (65504)"),
        ("fp32", 0x3DCCCCCD, "0x3dcccccd (~0.100000001)"),
        ("fp32", 0x7F000000, "0x7f000000 (2^127)"),
        ("int8", 0xFF, "0xff (-1)"),
        ("sfix8_en4", 0xF8, "0xf8 (-0.5)"),
        ("uint64", 2**64 - 1, "0xffffffffffffffff (~1.84467441e+19)"),
        ("fp4_e2m1", 0x1, "0x1 (0.5)"),
        ("binary", 0, "0x0 (-1)"),
        ("e8m7_bias-900", 0x7F7F, "0x7f7f (255*2^1147)"),
        ("e8m23_bias-900", 0x7F7FFFFF, "0x7f7fffff (16777215*2^1131)"),
    ],
)
def test_codes_for_people(name, code, text):
    assert parse(name).format_code(code) == text


@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("int8", "8-bit signed integer, -128 to 127"),
        ("ufix4_en6", "4-bit unsigned fixed point, 0 to 15, in units of 2^-6"),
        ("fp8_e4m3", "8-bit float, 1-4-3, bias 7, fn, largest 448"),
        ("bf16_flush", "16-bit float, 1-8-7, bias 127, ieee, flushed, largest 255*2^120"),
        ("fp8_e4m3_sat", "8-bit float, 1-4-3, bias 7, fn, saturating, largest 448"),
        ("ternary", "2 bits: -1, 0 and +1"),
    ],
)
def test_summaries(name, summary):
    assert parse(name).summary == summary


def test_formats_are_frozen_values():
    fmt = parse("fp8_e4m3")
    with pytest.raises(AttributeError):
        fmt.bias = 8
    assert {fmt: 1}[parse("e4m3_fn")] == 1
    assert fmt != parse("e4m3")
    assert fmt.width == 8 and fmt.kind == "float" and fmt.signed
    assert not parse("uint8").signed and parse("int8").signed


def test_patterns_describe_names_that_parse():
    fill = {"W": 8, "F": 4, "E": 4, "M": 3, "P": 3, "options": "fn_bias11_sat"}
    fill |= {"uf": "uf", "sat": "_satpropagate", "N": 4, "element": "int3", "scale": "e8m0"}
    for pattern in patterns():
        assert parse(pattern.format(**fill))


def test_scalars_lists_and_shapes():
    fmt = parse("fp8_e4m3")
    assert fmt.encode(1.5).shape == () and int(fmt.encode(1.5)) == 0x3C
    assert float(fmt.decode(0x3C)) == 1.5
    assert fmt.encode([[1, 2], [3, 4]]).shape == (2, 2)
    assert fmt.decode([]).shape == (0,) and fmt.encode([]).shape == (0,)
    assert isinstance(fmt.unpack([[1], [2]]), Exact) and fmt.unpack([[1], [2]]).shape == (2, 1)


def test_docstring_examples():
    assert doctest.testmod(names).failed == 0
    assert doctest.testmod(names).attempted >= 3


def test_rounding_is_plain_text():
    assert [str(mode) for mode in Rounding] == [
        "nearest_even",
        "nearest_away",
        "toward_zero",
        "up",
        "down",
        "to_odd",
        "stochastic",
        "stochastic_b",
        "stochastic_c",
    ]


def test_importing_formats_and_golden_leaves_amaranth_out():
    program = (
        "import sys, holigrail_hw.formats, holigrail_hw.golden; print('amaranth' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr
