"""Parameters of a constant matrix times a vector, what must hold among them, what follows."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from holigrail_hw.core import OperatorSpec, parameter
from holigrail_hw.formats import FixedFormat, Format, Rounding, parse

from ..build.matrix_datapath import ResultStage
from ..matrix.search import METRICS, least_matrix_depth
from ..problem.coefficients import (
    OVERFLOWS,
    complaints,
    fraction_width,
    overflow_help,
    quantise,
)

__all__ = ["MatrixShape"]

_WIDEST = 64
_EXAMPLE = ((7, -3, 0), (19, 5, -21))
_SQUARE = ((1, 2, 3, 4), (-5, 6, -7, 8), (0, 0, 0, 0), (11, -13, 17, 0))


@dataclass(frozen=True, kw_only=True)
class MatrixShape(OperatorSpec):
    """The matrix and its formats, allowed errors, and how long to search."""

    matrix: tuple[tuple[int | Fraction, ...], ...] = parameter(
        _EXAMPLE, "the constant matrix, a row for each output", samples=(((-5,),), _SQUARE)
    )
    input: Format = parameter(
        parse("int8"), "format of every input", samples=("uint5", "sfix6_en3")
    )
    biases: tuple[int, ...] | None = parameter(
        None, "constants added to the outputs", samples=((100, -1),)
    )
    result: Format | None = parameter(
        None, "format of the outputs; exact if none", samples=(parse("sfix8_en-4"), parse("uint9"))
    )
    rounding: Rounding = parameter(Rounding.NEAREST_EVEN, "rounding mode, if there is a result")
    overflow: str = parameter("saturate", "a result out of range", choices=("saturate", "wrap"))
    relu: bool = parameter(False, "whether negative results become 0", samples=(True,))
    error: int = parameter(
        0, "allowed error in units of the exact output", low=0, high=1 << 80, samples=(20,)
    )
    error_ulp: int = parameter(0, "allowed error in ulps of rounded outputs", low=0, high=1 << 20)
    faithful: bool = parameter(False, "allow half an ulp of rounded outputs", samples=(True,))
    output_bits: int | None = parameter(
        None, "bits of rounded outputs; the input's width if none", low=1, high=128
    )
    metric: str = parameter("adders", "what to minimise", choices=METRICS)
    depth: int | None = parameter(
        None, "most adders on a path", low=1, high=64, samples=(5, 64), nothing="least"
    )
    iterations: int | None = parameter(
        None,
        "repetitions of the search; chosen by the size of the matrix if none",
        low=0,
        high=1 << 30,
        samples=(0,),
        hardware=False,
    )
    search_time: int = parameter(
        60,
        "time limit of the search in seconds",
        low=1,
        high=1 << 20,
        samples=(61,),
        hardware=False,
    )
    search_seed: int = parameter(
        0, "random seed of the search", low=0, high=1 << 30, samples=(1,), hardware=False
    )
    coefficient_format: Format | None = parameter(
        None,
        "format the matrix is rounded to, half to even; the matrix holds integers if none",
        samples=(parse("sfix9_en3"),),
    )
    coefficient_overflow: str = parameter("refuse", overflow_help, choices=OVERFLOWS)

    renamed: ClassVar[Mapping[str, str]] = {
        "activation=relu": "relu=true",
        "activation=none": "relu=false",
    }

    @functools.cached_property
    def integers(self) -> tuple[tuple[int, ...], ...]:
        """The matrix in units of the last place of ``coefficient_format``."""
        return tuple(quantise(row, self.coefficient_format) for row in self.matrix)

    @property
    def output_fraction(self) -> int:
        """Fraction bits of exact outputs."""
        return fraction_width(self.input) + fraction_width(self.coefficient_format)

    def _wrong_numbers(self) -> list[str]:
        flat = [number for row in self.matrix for number in row]
        return complaints("matrix", flat, self.coefficient_format, self.coefficient_overflow)

    def derive(self) -> dict[str, Any]:
        if len({len(row) for row in self.matrix} | {0}) != 2 or self._wrong_numbers():
            return {}
        return {"depth": max(1, least_matrix_depth(self.integers))}

    def check(self) -> list[str]:
        if not isinstance(self.input, FixedFormat):
            return [f"input must be an integer or fixed point, not {self.input}"]
        lengths = {len(row) for row in self.matrix}
        if lengths in (set(), {0}):
            return ["matrix must have at least one row and one column"]
        if len(lengths) > 1:
            return [f"rows of the matrix must be equally long, not {sorted(lengths)}"]
        if wrong := self._wrong_numbers():
            return wrong
        biases = self.biases or ()
        numbers = [*biases, *(item for row in self.integers for item in row)]
        wide = [item for item in numbers if abs(item).bit_length() > _WIDEST]
        if wide:
            return [f"matrix and biases must have at most {_WIDEST} bits, not {wide[0]}"]
        found = []
        if self.biases is not None and len(biases) != len(self.integers):
            found.append(f"biases must be {len(self.integers)}, one per row, not {len(biases)}")
        least = least_matrix_depth(self.integers)
        if self.depth is not None and self.depth < least:
            found.append(f"depth must be {least} or more for this matrix, not {self.depth}")
        if self.result is not None and not isinstance(self.result, FixedFormat):
            found.append(f"result must be an integer or fixed point, not {self.result}")
        if self.rounding.is_stochastic:
            found.append("rounding must need no random numbers, not stochastic")
        if sum((self.error > 0, self.error_ulp > 0, self.faithful)) > 1:
            found.append("only one of error, error_ulp and faithful may be given")
        nearest = (Rounding.NEAREST_EVEN, Rounding.NEAREST_AWAY)
        if self.faithful and self.rounding not in nearest:
            found.append(f"rounding must be to nearest for faithful outputs, not {self.rounding}")
        if self.output_bits is not None and self.result is not None:
            found.append("output_bits must not be given beside a result format")
        return found

    @property
    def bound(self) -> int:
        """Allowed error before rounding, in units of the inputs' lowest bit."""
        halves = 2 * self.error_ulp + self.faithful
        if self.result is not None:
            place = self.stage.dropped
        else:
            largest = max(
                max(-low, high) for low, high in map(self.exact_range, range(self.row_count))
            )
            bits = self.input.width if self.output_bits is None else self.output_bits
            place = (
                largest.bit_length()
                + any(low < 0 for low, _ in map(self.exact_range, range(self.row_count)))
                - bits
            )
        return self.error + (halves << place >> 1 if place >= 0 else halves >> 1 - place)

    @property
    def row_count(self) -> int:
        return len(self.integers)

    @property
    def row_biases(self) -> tuple[int, ...]:
        return self.biases if self.biases is not None else (0,) * self.row_count

    @property
    def stage(self) -> ResultStage:
        assert isinstance(self.result, FixedFormat)
        return self.stage_to(self.result)

    def stage_to(self, format: FixedFormat) -> ResultStage:
        assert isinstance(self.input, FixedFormat)
        return ResultStage(
            self.output_fraction,
            format,
            self.rounding,
            self.overflow == "saturate",
            self.relu,
        )

    def exact_range(self, index: int) -> tuple[int, int]:
        """Least and greatest exact output."""
        assert isinstance(self.input, FixedFormat)
        ends = [(c * self.input.minimum, c * self.input.maximum) for c in self.integers[index]]
        bias = self.row_biases[index]
        return sum(map(min, ends)) + bias, sum(map(max, ends)) + bias
