"""Exact integer kernels, the reference of every operator. NumPy only.

decode -> exact operation -> project: ``result.project(multiply(a.unpack(x), b.unpack(y)))``.
"""

from .accumulation import accumulate, exact_sums
from .arithmetic import (
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
from .flags import exception_flags
from .gemm import equals_via_float32, gemm
from .requantization import (
    ROUNDINGS,
    count_thresholds,
    divide,
    integers,
    qonnx_rounding,
    rescale_twice,
)
from .rules import Projection, compare_codes, exact_result, operate
from .sum_limits import exact_products, sum_limit

__all__ = [
    "EQUAL",
    "GREATER",
    "LESS",
    "ROUNDINGS",
    "UNORDERED",
    "Projection",
    "accumulate",
    "add",
    "compare",
    "compare_codes",
    "count_thresholds",
    "divide",
    "equals_via_float32",
    "exact_products",
    "exact_result",
    "exact_sums",
    "exception_flags",
    "fused_multiply_add",
    "gemm",
    "integers",
    "multiply",
    "negate",
    "operate",
    "qonnx_rounding",
    "rescale_twice",
    "sum_limit",
]
