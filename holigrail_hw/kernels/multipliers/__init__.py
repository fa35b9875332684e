"""Multipliers of two short factors, whatever they compute: errors, rank, and sums of products.

A multiplier is the table of its products: of an operator of this package, of a function, or given.
"""

from .approximate import broken_array, drum, mitchell, signed
from .multiplier import Errors, Multiplier

__all__ = ["Errors", "Multiplier", "broken_array", "drum", "mitchell", "signed"]
