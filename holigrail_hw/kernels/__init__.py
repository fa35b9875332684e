"""Matrix products and roundings of the golden models, compiled: the same bits, sooner.

NumPy arrays in and out, no PyTorch. The kernels are C++, built at first use; without a compiler
loops in NumPy compute the same and one warning says so.
"""

from .convert import decode, encode, number_type, quantise
from .gemm import Gemm
from .random_words import GivenWords, Philox, ShiftRegister, philox
from .tables import TableProduct

__all__ = [
    "Gemm",
    "GivenWords",
    "Philox",
    "ShiftRegister",
    "TableProduct",
    "decode",
    "encode",
    "number_type",
    "philox",
    "quantise",
]
