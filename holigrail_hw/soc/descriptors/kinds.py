"""The six records: what their fields mean, and where they stand.

Steps are in bytes. A generator of addresses has loops, the innermost first: it starts at a base and
adds the step of a loop whenever that loop goes on. Words 4 to 7 tell how operands are read, words
11 to 13 how results are written, in every descriptor. This is the address generation of Gemmini's
and of NVDLA's kind (Genc et al., Gemmini, 2021), with six loops for windows over images.
"""

from dataclasses import dataclass
from typing import ClassVar

from .loads import LOAD_BYTES, LOAD_CHECK, Load
from .matmul import Matmul
from .records import CHECK, OPERATION, Record
from .vectors import Add, Copy, Fill, Maximum

__all__ = [
    "CHECK",
    "LOAD_BYTES",
    "LOAD_CHECK",
    "OPERATION",
    "Add",
    "Copy",
    "Descriptor",
    "End",
    "Fill",
    "Load",
    "Matmul",
    "Maximum",
]


@dataclass(frozen=True, kw_only=True)
class End(Record):
    """Nothing more: the chain ends here, nothing is done."""

    operation: ClassVar[int] = 0


Descriptor = End | Matmul | Add | Maximum | Copy | Fill
