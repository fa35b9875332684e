"""Blocks: names, codes, numbers, and how they are made, against gfloat and by definition."""

import math
from fractions import Fraction

import gfloat
import gfloat.block
import gfloat.formats as published
import numpy as np
import pytest

from holigrail_hw.formats import FormatError, named, parse
from holigrail_hw.formats.block.block import BlockFormat

MX = {
    "mxfp8_e4m3": published.format_info_mxfp8_e4m3,
    "mxfp8_e5m2": published.format_info_mxfp8_e5m2,
    "mxfp6_e3m2": published.format_info_mxfp6_e3m2,
    "mxfp6_e2m3": published.format_info_mxfp6_e2m3,
    "mxfp4_e2m1": published.format_info_mxfp4_e2m1,
    "mxint8": published.format_info_mxint8,
}


def parts(block, code):
    """Codes of scale and elements, as gfloat lists them."""
    width = block.element.width
    elements = [code >> (i * width) & ((1 << width) - 1) for i in range(block.block_size)]
    return [code >> (block.block_size * width), *elements]


def random_codes(block, count, seed=1):
    rng = np.random.default_rng(seed)
    return [int.from_bytes(rng.bytes(40), "big") & ((1 << block.width) - 1) for _ in range(count)]


@pytest.mark.parametrize("name", MX)
def test_numbers_are_those_of_gfloat(name):
    block, info = parse(name), MX[name]
    assert (block.width, block.block_size) == (8 * info.block_size_bytes, info.k)
    elements = 1 << block.element.width
    # Every code of an element under a few scales, every scale with a few elements.
    codes = random_codes(block, 300)
    for scale in (0, 1, 126, 127, 200, 254, 255):
        for first in range(0, elements, 32):
            row = [(first + i) % elements for i in range(32)]
            body = sum(e << (i * block.element.width) for i, e in enumerate(row))
            codes.append(body + (scale << (32 * block.element.width)))
    codes += [codes[0] & ((1 << block.scale_place) - 1) | scale << block.scale_place
              for scale in range(256)]  # fmt: skip
    found = block.decode(codes)
    for code, values in zip(codes, found, strict=True):
        wanted = list(gfloat.block.decode_block(info, parts(block, code)))
        # Infinite elements of a block that is NaN are NaN, and so is 0 times NaN.
        np.testing.assert_array_equal(values, wanted)


@pytest.mark.parametrize("name", MX)
def test_quantised_as_gfloat_does(name):
    block, info = parse(name), MX[name]
    rng = np.random.default_rng(7)
    values = rng.normal(size=(60, 32)) * 2.0 ** rng.integers(-140, 140, (60, 1))
    values[5], values[6, 3] = 0, -0.0
    codes = block.encode(values)
    largest = float(block.element.number_range[1])
    for row, code in zip(values, codes.tolist(), strict=True):
        top = math.floor(math.log2(largest))
        scale = 2.0**-127 if not row.any() else gfloat.block.compute_scale_amax(top, row)
        wanted = list(gfloat.block.encode_block(info, scale, row / scale))
        assert parts(block, code) == wanted


def test_scale_rules():
    block = parse("block2_fp4_e2m1_e8m0")

    def scale(values, rule):
        exact = block.element.__class__(8, 23).unpack(
            block.element.__class__(8, 23).encode([values])
        )
        return int(block.project(exact, scale_rule=rule)[0]) >> 8

    # 6 is the largest element, 4 the power of two below it.
    rows = {
        6.0: (127, 127, 127),
        6.25: (127, 128, 127),
        7.9: (127, 128, 127),
        9.0: (128, 128, 128),
        4.5: (127, 127, 126),
        4.0: (127, 127, 126),
        8.0: (128, 128, 127),
    }
    for value, wanted in rows.items():
        found = tuple(scale([1, -value], rule) for rule in ("floor", "ceil", "nearest"))
        assert found == wanted, value
    assert block.decode(block.encode([[1, 7.9]])).tolist() == [[1, 6]]


def test_every_scale_code_is_reached_and_ends_hold():
    block = parse("block1_fp4_e2m1_e8m0")
    values = [[math.ldexp(4, e)] for e in range(-131, 129)]
    scales = (block.encode(values) >> np.uint64(4)).tolist()
    assert scales == [min(max(e + 127, 0), 254) for e in range(-131, 129)]
    found = block.decode(block.encode([[2.0**129], [-(2.0**129)], [2.0**131]])).tolist()
    assert found == [[2.0**129], [-(2.0**129)], [6 * 2.0**127]]


def test_what_is_not_finite_makes_the_block_nan():
    block = parse("mxfp4_e2m1")
    for odd in (math.nan, math.inf, -math.inf):
        row = np.ones(32)
        row[17] = odd
        assert int(block.encode(row)) == 255 << 128
        assert np.isnan(block.decode(block.encode(row))).all()


def test_scales_that_are_no_powers_of_two():
    block = parse("nvfp4")
    assert (block.width, block.block_size, str(block.scale)) == (72, 16, "fp8_e4m3")
    values = np.arange(16) / 4
    code = int(block.encode(values))
    scale = int(parse("fp8_e4m3").encode(Fraction(15, 4) / 6))
    assert code >> 64 == scale
    factor = Fraction(parse("fp8_e4m3").decode(scale).item())
    wanted = parse("fp4_e2m1").encode([Fraction(v) / factor for v in values.tolist()])
    assert [code >> (4 * i) & 15 for i in range(16)] == wanted.tolist()
    # Too small for any scale but zero: all elements are zero.
    assert int(block.encode(np.full(16, 2.0**-40))) == 0
    # A negative scale, and one that is zero, are read as such.
    minus = block.decode(1 | (0xB8 << 64))
    assert minus[0] == -0.5 and not block.decode(0x3333).any()


def test_a_scale_that_is_infinite_is_nan():
    block = parse("block2_fp8_e5m2_fp16")
    code = 0x00 | 0x3C << 8 | 0x7C00 << 16
    assert np.isnan(block.decode(code)).all()
    # An infinite element times a scale of 0 is NaN, too.
    assert np.isnan(block.decode(0x7C)[0]) and block.decode(0x7C | 0x3C00 << 16)[0] == math.inf


def test_vectors():
    vector = parse("block3_int8")
    assert vector.scale is None and vector.width == 24
    assert vector.decode(vector.encode([[1, -2, 300]])).tolist() == [[1, -2, 127]]
    assert vector.format_code(0x7FFE01) == "0x7ffe01 ([1, -2, 127])"


def test_names():
    assert parse("block32_fp4_e2m1_e8m0") == parse("mxfp4_e2m1")
    assert parse("block32_fp4_e2m1_e8m0").name == "mxfp4_e2m1"
    odd = parse("block5_e4m3_fn_bias3_sat_fp8_e4m3")
    assert odd == BlockFormat(5, parse("e4m3_fn_bias3_sat"), parse("fp8_e4m3"))
    assert parse(odd.name) == odd
    assert set(MX) | {"nvfp4", "e8m0"} <= set(named())
    assert parse("mxint8").summary == "32 x sfix8_en6, scale e8m0, 264 bits"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("block0_int8", "block0: must have between 1 and 256 numbers, not 0"),
        ("block257_int8", "block257: must have between 1 and 256 numbers, not 257"),
        ("block4_fp8_e4m2", "block4_fp8_e4m2: a block must be named block{N}_{element}_{scale}"),
        ("block4_mxint8", "block4: elements must be single numbers, not blocks such as mxint8"),
        ("block4_int8_mxint8", "block4: scale must be single numbers, not blocks such as mxint8"),
        ("block4_int40", "block4: elements must have at most 32 bits, not 40"),
        ("mxfp8_e3m4", "no format named 'mxfp8_e3m4'"),
    ],
)
def test_no_such_block(name, message):
    with pytest.raises(FormatError) as caught:
        parse(name)
    assert str(caught.value).startswith(message)


def test_requests_that_fit_no_block():
    block = parse("block4_int8_bf16")
    with pytest.raises(FormatError, match="the last axis must have 4 numbers, not 3"):
        block.encode([1, 2, 3])
    with pytest.raises(FormatError, match="the last axis must have 4 numbers, not be missing"):
        block.encode(1)
    with pytest.raises(FormatError, match="the scale rule must be floor, ceil, nearest, not 'up'"):
        block.project(block.unpack([0]), scale_rule="up")
