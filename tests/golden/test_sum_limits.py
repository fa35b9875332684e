"""How long sums may be, against sums of extreme products."""

import itertools

import pytest

from holigrail_hw.formats import FixedFormat, parse
from holigrail_hw.golden import exact_products, sum_limit


@pytest.mark.parametrize("signed", [False, True])
def test_one_product_more_is_too_many(signed):
    for width, low, high in itertools.product(range(1, 9), range(-5, 2), range(0, 6)):
        format = FixedFormat(width, signed=signed)
        most = exact_products(format, low, high)
        if most is None:
            assert low >= 0 >= high
            continue
        for end in (low, high):
            assert format.minimum <= most * end <= format.maximum
        assert any(not format.minimum <= (most + 1) * e <= format.maximum for e in (low, high))


@pytest.mark.parametrize(
    ("name", "products", "options", "line"),
    [
        ("int17", (-16256, 16384, 0), {"longest": 3}, "exact, any 3 products fit into int17"),
        (
            "int17",
            (-16256, 16384, 0),
            {"longest": 4, "overflow": "saturate"},
            "any 3 products fit into int17; longer sums may stop at the smallest or the largest"
            " number and go on from there",
        ),
        ("int8", (-16256, 16384, 0), {}, "even a product may wrap modulo 2^8"),
        (
            "sfix16_en8",
            (-128, 127, 4),
            {},
            "any 16 products fit into sfix16_en8; longer sums may wrap modulo 2^16",
        ),
        (
            "fp16",
            None,
            {},
            "rounded on the way; a sum becomes infinite beyond 65504, NaN if infinities of both"
            " signs meet, though the exact sum may come back",
        ),
        (
            "fp8_e4m3",
            None,
            {},
            "rounded on the way; a sum becomes NaN beyond 448, though the exact sum may come back",
        ),
        (
            "fp4_e2m1",
            None,
            {},
            "rounded on the way; a sum stops at 6 and goes on from there, though the exact sum may"
            " come back",
        ),
    ],
)
def test_lines(name, products, options, line):
    assert sum_limit(parse(name), products, **options) == line
