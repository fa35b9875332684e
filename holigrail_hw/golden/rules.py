"""Operations on codes, by operation and number systems.

What an operator must answer follows from the exact kernels of :mod:`.arithmetic`: take the codes
apart, compute exactly, round once. That serves every format that knows its exact numbers, so a new
one needs no rule. A system that wants something else registers a rule in ``golden/SYSTEM.py``,
where it is found without being listed: logarithmic numbers, which are no binary fractions, or
posits, whose NaR is equal to itself.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from holigrail_hw.formats import FINITE, Exact, Format, Rounding
from holigrail_hw.formats.rules import OPERATION_NAMES, Rules

from .arithmetic import add, compare, fused_multiply_add, multiply, negate
from .quotients import inverse_square_root, quotient, square_root

__all__ = ["COMPARE", "OPERATIONS", "Projection", "compare_codes", "exact_result", "operate"]


@cache
def _scan() -> None:
    package = importlib.import_module("holigrail_hw.golden")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


OPERATIONS: Mapping[str, Rules] = {name: Rules(f"golden {name}", _scan) for name in OPERATION_NAMES}
"""By the formats of the operands, then that of the result: ``(formats, codes, projection)`` to the
codes of the results. ``formats`` are those of the operands; all codes are arrays of one shape."""

COMPARE = Rules("golden compare", _scan)
"""By both formats: ``(a_format, a, b_format, b)`` to LESS, EQUAL, GREATER or UNORDERED."""


@dataclass(frozen=True, eq=False)
class Projection:
    """How an exact result becomes a code of ``result``: the options of ``Format.project``.

    ``overflow`` counts where the format offers it. ``random`` is read when rounding is stochastic.
    """

    result: Format
    rounding: Rounding = Rounding.NEAREST_EVEN
    random: Any = None
    random_width: int = 0
    overflow: str | None = None

    def __call__(self, exact: Exact) -> np.ndarray:
        """Codes of exact numbers."""
        overflow = self.result.overflow_of(self.overflow)
        return self.result.project(exact, self.rounding, self.random, self.random_width, overflow)

    @property
    def sight(self) -> tuple[int, int | None]:
        """What it sees of an endless fraction (:meth:`.Format.sight`)."""
        return self.result.sight(self.random_width)


def operate(
    operation: str, formats: tuple[Format, ...], codes: tuple[Any, ...], projection: Projection
) -> np.ndarray:
    """Codes of the results of an operation on codes of any formats, rounded once.

    Parameters
    ----------
    operation : str
        One of ``OPERATIONS``; ``fma`` is the first times the second plus the third.

    >>> from holigrail_hw.formats import parse
    >>> operate("multiply", (parse("int8"), parse("fp16")), (3, 0x3800), Projection(parse("bf16")))
    array(16320, dtype=uint64)
    """
    rule = OPERATIONS[operation].find(*formats, projection.result)
    if rule is not None:
        return rule(formats, codes, projection)
    numbers = [format.unpack(code) for format, code in zip(formats, codes, strict=True)]
    return projection(exact_result(operation, numbers, projection))


def exact_result(operation: str, numbers: Sequence[Exact], projection: Projection) -> Exact:
    """The exact result of an operation on numbers taken apart, as far as a projection sees it."""
    return _KERNELS[operation](projection, *numbers)


def compare_codes(a_format: Format, a: Any, b_format: Format, b: Any) -> np.ndarray:
    """LESS, EQUAL, GREATER or UNORDERED as int8, of codes of any formats."""
    rule = COMPARE.find(a_format, b_format)
    if rule is not None:
        return rule(a_format, a, b_format, b)
    return compare(a_format.unpack(a), b_format.unpack(b))


_ONE = Exact(*(np.array(field) for field in (False, 1, 0, np.uint8(FINITE))))

_KERNELS: Mapping[str, Callable[..., Exact]] = {
    "add": lambda how, x, y: add(x, y, how.rounding),
    "subtract": lambda how, x, y: add(x, negate(y), how.rounding),
    "multiply": lambda how, x, y: multiply(x, y),
    "fma": lambda how, x, y, z: fused_multiply_add(x, y, z, how.rounding),
    "convert": lambda how, x: x,
    "divide": lambda how, x, y: quotient(x, y, *how.sight),
    "square-root": lambda how, x: square_root(x, *how.sight),
    "reciprocal": lambda how, x: quotient(_ONE, x, *how.sight),
    "reciprocal-square-root": lambda how, x: inverse_square_root(x, *how.sight),
}
