"""Ways to add products, operands, and where kernel and golden model differ."""

import numpy as np

from holigrail_hw.formats import parse

WAYS = (
    {"accumulation": "fused"},
    {"accumulation": "cascade"},
    {"accumulation": "cascade", "product": "fp8_e5m2"},
    {"accumulation": "fused", "chunk": 3},
    {"accumulation": "cascade", "chunk": 8},
    {"accumulation": "window", "window": 11},
    {"accumulation": "exact"},
)


def codes_of(format, shape, rng, scale):
    """Codes of about normal numbers, or of anything at all."""
    format = parse(format)
    if scale is None:
        return rng.integers(0, 1 << format.width, shape)
    return format.encode(rng.normal(size=shape) * scale)


def operands(gemm, rng, scale=1.0, shape=(7, 13, 19)):
    rows, depth, columns = shape
    return (
        codes_of(gemm.a, (rows, depth), rng, scale),
        codes_of(gemm.b, (depth, columns), rng, scale),
    )


def differences(gemm, a, b, **options):
    wanted = gemm.golden(a, b, random=options.get("random"))
    return int(np.sum(gemm.codes(a, b, **options) != wanted))
