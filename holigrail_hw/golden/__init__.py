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

__all__ = [
    "EQUAL",
    "GREATER",
    "LESS",
    "UNORDERED",
    "accumulate",
    "add",
    "compare",
    "exact_sums",
    "fused_multiply_add",
    "multiply",
    "negate",
]
