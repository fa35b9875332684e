"""A DAIS program: one list of operations on fixed-point numbers, all of them combinational.

The instruction set is that of da4ml (Sun et al., *da4ml: Distributed Arithmetic for Real-time
Neural Networks on FPGAs*, 2025; its page DAIS), versions 0 and 1. Operation i makes number i:

==========  ======================================================================================
-1          an input, truncated and wrapped
0, 1        first + second 2^data, first - second 2^data
2, -2       maximum of 0 and +-first, truncated and wrapped
3, -3       +-first, truncated and wrapped
4, 5        first + data, data; data in units of the result
6, -6       first if the uppermost bit of number ``low`` is set, else +-second 2^high, wrapped
7           first times second
8           table ``low`` at first, counted from its least code plus ``high``
9, -9       bits of +-first: inverted, any, all (``low`` 0, 1, 2)
10          bits of both, second 2^low: and, or, xor (bits 56 on of data; 32, 33 negate)
==========  ======================================================================================
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError

from .evaluate import computed
from .ranges import ranges_of

__all__ = ["DaisOperation", "DaisOutput", "DaisProgram", "DaisType"]


@dataclass(frozen=True)
class DaisType:
    """Two's complement if ``signed``; ``integer`` bits without the sign, ``fraction`` bits."""

    signed: bool
    integer: int
    fraction: int

    @property
    def width(self) -> int:
        """All bits; 0 holds the number 0 only."""
        return self.integer + self.fraction + self.signed

    @property
    def least(self) -> int:
        """The least code, in units of 2^-fraction."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def greatest(self) -> int:
        """The greatest code."""
        return self.least + (1 << self.width) - 1


@dataclass(frozen=True)
class DaisOperation:
    """``first`` and ``second`` are places of operands, -1 if there is none; data has 64 bits."""

    code: int
    first: int
    second: int
    data: int
    type: DaisType

    @property
    def low(self) -> int:
        """The lower 32 bits of data, signed."""
        return ((self.data & 0xFFFFFFFF) ^ (1 << 31)) - (1 << 31)

    @property
    def high(self) -> int:
        """The upper 32 bits of data, signed."""
        return self.data >> 32


@dataclass(frozen=True)
class DaisOutput:
    """(-1)^negative number[place] 2^shift; a place of -1 is the constant 0."""

    place: int
    shift: int
    negative: bool


@dataclass(frozen=True)
class DaisProgram:
    """``input_shifts`` are exponents of two that every input is multiplied by."""

    name: str
    input_shifts: tuple[int, ...]
    operations: tuple[DaisOperation, ...]
    outputs: tuple[DaisOutput, ...]
    tables: tuple[tuple[int, ...], ...] = ()

    @cached_property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The least and the greatest code of every number, for any inputs."""
        return ranges_of(self)

    def run(self, values: Any) -> np.ndarray:
        """Real outputs, (samples, outputs), of real inputs (samples, inputs), as float64.

        Codes are exact; outputs of more than 53 bits are rounded.

        Raises
        ------
        ModelError
            As :meth:`evaluate`.
        """
        codes = self.evaluate(values)
        found = [np.zeros(len(codes))] * len(self.outputs)
        for column, output in enumerate(self.outputs):
            if output.place >= 0:
                fraction = self.operations[output.place].type.fraction
                real = codes[:, column].astype(np.float64)
                found[column] = np.ldexp(real, output.shift - fraction)
        return np.stack(found, axis=1)

    def evaluate(self, values: Any, every: bool = False) -> np.ndarray:
        """Codes of the outputs, with their signs, in units of 2^(shift - fraction).

        Parameters
        ----------
        values : array
            Real inputs, (samples, inputs).
        every : bool
            Return the codes of all numbers instead, (samples, operations).

        Raises
        ------
        ModelError
            If the shape is another one, a value is not finite, or a number leaves its type where
            the instruction set does not wrap it.
        """
        values = np.asarray(values)
        count = len(self.input_shifts)
        if values.ndim != 2 or values.shape[1] != count or values.dtype.kind not in "fiub":
            raise ModelError(
                f"{self.name}: inputs must be numbers of shape (samples, {count}), not "
                f"{values.shape}"
            )
        if not np.isfinite(values).all():
            raise ModelError(f"{self.name}: inputs must be finite numbers")
        numbers = computed(self, values.astype(np.float64))
        if every:
            return numbers
        columns = [
            np.zeros(len(values), numbers.dtype)
            if output.place < 0
            else numbers[:, output.place] * (-1 if output.negative else 1)
            for output in self.outputs
        ]
        return np.stack(columns, axis=1)
