"""What is asked of a function: formats, accuracy, and which results are right for every number.

A result is right if it is one of the numbers ``low`` to ``high`` of its input: the correctly
rounded one, or both neighbours of the exact value if the result may be faithful (off by less than
one unit in the last place). All later search and all proof is against these two arrays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.formats import FINITE, INFINITE, FixedFormat, Format, Rounding

from ..exact.catalogue import KNOWN
from ..exact.values import MOST_SINGLE, Values, values_of

__all__ = ["ACCURACIES", "OVERFLOWS", "TABLE", "Request"]

ACCURACIES = ("faithful", "correct")
OVERFLOWS = ("refuse", "saturate")
TABLE = "table"
_BELOW = 20
_PART = 1 << 20
_WIDEST = 40


@dataclass(frozen=True)
class Request:
    """One function from one format to another."""

    function: str
    table: tuple[int | Fraction, ...] | None
    input: Format
    result: Format
    accuracy: str
    rounding: Rounding
    overflow: str

    @cached_property
    def values(self) -> Values:
        """The exact values, to 20 bits below the last place of the result."""
        bits = max(_BELOW - self.result.least_place, _BELOW)
        return values_of(self.function, self.table, self.input, bits, self.is_fixed)

    def _parts(self) -> Iterator[slice]:
        """All codes in parts, so that what is computed on the way stays small."""
        for start in range(0, 1 << self.input.width, _PART):
            yield slice(start, min(start + _PART, 1 << self.input.width))

    def values_at(self, codes: Any, more: int) -> list[Fraction]:
        """f of some codes, cut off ``more`` bits further down; ends of the range at infinities."""
        bits = self.values.bits + more
        if self.table is not None:
            return [Fraction(self.table[code]) for code in codes.tolist()]
        known, found = KNOWN[self.function], []
        low, high = self.result.number_range
        for code in codes.tolist():
            if self.values.category[code] == FINITE:
                x = self.input.unpack(np.array([code], np.uint64)).widened()
                number = np.where(x.sign, -x.significand, x.significand)
                floor, _ = known.floors(number, int(x.exponent[0]), bits)
                found.append(Fraction(int(floor[0]), 1 << bits))
            elif self.values.category[code] == INFINITE:
                found.append(low if self.values.negative[code] else high)
            else:
                found.append(Fraction(0))
        return found

    @property
    def symmetry(self) -> str:
        """How f(-x) follows from f(x), see :class:`..exact.catalogue.Known`."""
        return "none" if self.table is not None else KNOWN[self.function].symmetry

    @property
    def is_wide(self) -> bool:
        """Whether x has so many bits that arrays over all of them are dear."""
        return self.input.width > MOST_SINGLE

    @property
    def is_fixed(self) -> bool:
        """Whether both sides are integers times a unit, narrow enough for approximations."""
        formats = (self.input, self.result)
        return all(isinstance(f, FixedFormat) for f in formats) and self.result.width <= _WIDEST

    @cached_property
    def correct(self) -> Any:
        """Correctly rounded codes by input code; out of range they are the nearest end."""
        overflow = "saturate" if "saturate" in self.result.overflow_modes else None
        codes = [
            self.result.project(self.values.exact(part), self.rounding, overflow=overflow)
            for part in self._parts()
        ]
        return codes[0] if len(codes) == 1 else np.concatenate(codes)

    @cached_property
    def floors(self) -> Any:
        """floor(f) in units of the result's last place, and whether f is above."""
        cut = self.values.bits + self.result.least_place
        floor = self.values.floor >> cut
        return floor, self.values.inexact | ((floor << cut) != self.values.floor)

    @cached_property
    def allowed(self) -> tuple[Any, Any]:
        """The least and the greatest right number by input code, in units of the last place."""
        low, high = self.result.integer_range
        if self.accuracy == "correct":
            codes = self.correct.astype(np.int64)
            sign = 1 << (self.result.width - 1) if self.result.signed else 0
            numbers = (codes ^ sign) - sign
            return numbers, numbers
        floor, above = self.floors
        least = np.clip(floor, low, high).astype(np.int64)
        most = np.clip(floor + above.astype(floor.dtype), low, high).astype(np.int64)
        special = self.values.category != FINITE
        if special.any():
            codes = self.correct.astype(np.int64)
            sign = 1 << (self.result.width - 1) if self.result.signed else 0
            least[special] = most[special] = ((codes ^ sign) - sign)[special]
        return least, most

    def complaints(self) -> list[str]:
        """Why there is no such hardware: values without a number, or beyond the result's range."""
        try:
            _ = self.values
        except OverflowError:
            most = MOST_SINGLE
            return [
                f"input must have at most {most} bits where f is as large as in this range,"
                f" not {self.input.width}"
            ]
        if self.overflow == "saturate" or not self.result.is_fixed_like:
            return []
        special = np.flatnonzero(self.values.category != FINITE)
        if len(special):
            x = self.input.format_code(int(special[0]))
            return [
                f"input must hold only numbers at which {self.function} has a value, not {x},"
                " unless overflow is saturate"
            ]
        low, high = self.result.integer_range
        floor, above = self.floors
        # By less than one unit beyond the range, the nearest end still is a faithful result.
        beyond = (floor > high) | (floor < low - 1) | ((floor < low) & ~above)
        wrong = np.flatnonzero(beyond.astype(bool))
        if not len(wrong):
            return []
        worst = wrong[np.argmax(abs(floor[wrong]))]
        value = self._value_text(int(worst))
        return [
            f"result must hold {self.function} of every x, such as {value} at"
            f" {self.input.format_code(int(worst))}, not only {self._range_text()},"
            " unless overflow is saturate"
        ]

    def _range_text(self) -> str:
        low, high = self.result.number_range
        return f"{float(low):.6g} to {float(high):.6g}"

    def _value_text(self, code: int) -> str:
        number = Fraction(int(self.values.floor[code])) / (1 << self.values.bits)
        return f"{float(number):.6g}" if abs(number) < 10**300 else "a number beyond 10^300"

    def off_by(self, numbers: Any) -> tuple[Fraction, int]:
        """The largest |result - f| in units in the last place, rounded up, and at which code.

        Of finite values; where the result saturates, f is taken for the nearest end of the range.
        """
        cut = self.values.bits + self.result.least_place
        low, high = (int(end) << cut for end in self.result.integer_range)
        worst, where = -1, 0
        for part in self._parts():
            floor = self.values.floor[part]
            number = numbers[part].astype(floor.dtype) << cut
            ceiling = floor + self.values.inexact[part].astype(floor.dtype)
            off = np.maximum(
                number - np.clip(floor, low, high), np.clip(ceiling, low, high) - number
            )
            off[self.values.category[part] != FINITE] = 0
            place = int(np.argmax(off))
            if off[place] > worst:
                worst, where = int(off[place]), part.start + place
        return Fraction(worst, 1 << cut), where
