"""Whole operations by number system, for systems that compute in a way of their own.

Operators compute on numbers taken apart, or on integers where all formats are fixed-like, and round
once. A rule here takes the place of all that: the product of logarithmic numbers is the sum of
their codes, that of sign and magnitude has its sign beside.
"""

from collections.abc import Mapping

from holigrail_hw.formats.rules import OPERATION_NAMES, Rules

from .rules import hardware_rules

__all__ = ["OPERATIONS"]

OPERATIONS: Mapping[str, Rules] = {name: hardware_rules(name) for name in OPERATION_NAMES}
"""By the formats of the operands, then that of the result: ``(plan, formats, codes, result,
rounding=, random=, overflow=)`` to the code of the result; ``formats`` and ``codes`` are those of
the operands, and ``random`` is None unless rounding is stochastic."""
