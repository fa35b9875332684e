# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportOperatorIssue=false

"""Multiplication of a vector by a constant matrix with shifts and adders only (CMVM).

A fully parallel layer: every output is a row of the matrix times the inputs, plus a bias, rounded
to a result format, optionally after a ReLU. The adder graph is found by the searches of this
package and kept on disk. Every adder of the graph is one step of the plan, and synthesis merges
none of them. Biases and rounding constants are folded into existing adders where possible.

With an error bound, operands lose low bits where that saves one-bit adders, and the worst error of
every output is proved to stay within the bound.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from amaranth import Const, Mux

from holigrail_hw.core import (
    ExactOutputs,
    OperatorSpec,
    RequestError,
    Target,
    Timing,
    clamped,
    numbers_of,
    operator,
    parameter,
    rounding_error,
)
from holigrail_hw.core.views import View
from holigrail_hw.formats import FixedFormat, Format, Rounding, parse
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

from .build.matrix_datapath import ResultStage, matrix_steps
from .build.naive_circuit import naive_matrix
from .matrix.circuit import MatrixCircuit
from .matrix.counting import width_of_range
from .matrix.design import MatrixDesign, MatrixRequest, design_remarks
from .matrix.graph import MatrixGraph
from .matrix.kept_designs import design_kept
from .matrix.search import METRICS, default_iterations, least_matrix_depth
from .native.library import slow_remark
from .problem.coefficients import (
    OVERFLOWS,
    complaints,
    fraction_width,
    overflow_help,
    quantisation_facts,
    quantise,
)
from .problem.errors import GraphError
from .views.graph_pictures import picture

__all__ = ["MatrixMultiplication"]

_WIDEST = 64
_CUTS = 200
_EXAMPLE = ((7, -3, 0), (19, 5, -21))
_SQUARE = ((1, 2, 3, 4), (-5, 6, -7, 8), (0, 0, 0, 0), (11, -13, 17, 0))


@operator(
    "cmvm",
    summary="a constant matrix times a vector, by a graph of adders",
    references=(
        "Hartley, Subexpression Sharing in Filters Using Canonic Signed Digit Multipliers, 1996",
        "Aksoy et al., Optimization Algorithms for the Multiplierless Realization of Linear "
        "Transforms, 2012",
        "Garcia and Volkova, Toward the Multiple Constant Multiplication at Minimal Hardware "
        "Cost, 2023 (truncation)",
        "Sun et al., da4ml: Distributed Arithmetic for Real-time Neural Networks on FPGAs, 2025",
    ),
    maturity="preview",
)
@dataclass(frozen=True, kw_only=True)
class MatrixMultiplication(OperatorSpec):
    """result0 = biases[0] + row 0 of the matrix times (x0, x1, ...), result1 = ...

    Without ``result``, outputs are as wide as they need to be and their lowest bit has the weight
    of the inputs' lowest bit; biases are in units of that bit. With ``coefficient_format`` the
    matrix holds real numbers (exact decimals as text, or the contents of a file of numbers), which
    are rounded to that format, half to even; exact outputs then have its fraction bits in addition
    to those of the inputs, and units are those of their lowest bit. With ``result``, outputs are
    rounded, and saturate or wrap. A ReLU replaces negative outputs by 0. ``depth`` limits the
    adders on any path of the matrix product; a bias that cannot be folded in costs one more adder
    after it. By default the depth is the least possible, which usually minimises adders times
    depth; deeper graphs may have fewer adders, and 64 is as good as no limit.

    Outputs are exact, or rounded once, unless an error is allowed. The bound is on the magnitude of
    (value before rounding - exact sum): ``error`` in units of the exact output, ``error_ulp`` in
    units in the last place of ``result`` or, without one, of outputs rounded so that the largest
    fills ``output_bits``. ``faithful`` allows half such a unit, so that outputs rounded to nearest
    are off by at most one.

    Two searches run at the same time. What they find depends only on the seed and the number of
    iterations, unless the time limit or Ctrl-C comes first; then the best result so far is used.
    By default ``iterations`` is what the compiled search manages in about two seconds.
    """

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
    def _fraction_width(self) -> int:
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
            place = self._stage.dropped
        else:
            largest = max(max(-low, high) for low, high in map(self._exact, range(self._rows)))
            bits = self.input.width if self.output_bits is None else self.output_bits
            place = (
                largest.bit_length()
                + any(low < 0 for low, _ in map(self._exact, range(self._rows)))
                - bits
            )
        return self.error + (halves << place >> 1 if place >= 0 else halves >> 1 - place)

    @property
    def design(self) -> MatrixDesign:
        """The circuit with its proved errors; found once, then kept on disk."""
        return self._designed()

    def prepare(self, progress: Callable[[str], None]) -> str | None:
        found = self._designed(progress)
        if not found.stopped:
            return slow_remark()
        return slow_remark(
            f"search stopped after {found.seconds:.1f} s, going on with the {found.summary()}"
        )

    def _designed(self, progress: Callable[[str], None] | None = None) -> MatrixDesign:
        assert isinstance(self.input, FixedFormat)
        constant = 0 if self.result is None else self._stage.constant
        request = MatrixRequest(
            matrix=self.integers,
            ranges=((self.input.minimum, self.input.maximum),) * len(self.integers[0]),
            constants=tuple(bias + constant for bias in self._biases),
            bounds=(self.bound,) * self._rows,
            depth=self.depth,
            iterations=(
                default_iterations(self.integers) if self.iterations is None else self.iterations
            ),
            seed=self.search_seed,
            searches=2,
            cuts=_CUTS if self.iterations is None else self.iterations,
            metric=self.metric,
        )
        try:
            return design_kept(request, time_limit=self.search_time, progress=progress)
        except GraphError as error:
            raise RequestError(f"cmvm: {error}", hint=error.hint) from None

    @property
    def circuit(self) -> MatrixCircuit:
        """The adder graph with its truncations and constants."""
        return self.design.circuit

    @property
    def graph(self) -> MatrixGraph:
        """The adder graph, without biases."""
        return self.circuit.graph

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        """What is known about the circuit, for people."""
        found = self.design
        graph, analysis = found.circuit.graph, found.analysis
        return {
            "adders": len(graph.adders),
            "adders behind the graph": sum(cost > 0 for cost in analysis.output_costs),
            "one-bit adders": analysis.one_bit_adders,
            "one-bit adders without truncation": found.untruncated,
            "adder depth": graph.depth,
            "least depth": least_matrix_depth(self.integers),
            "error bound": self.bound,
            "worst error": found.worst_error,
            "optimal": "not proved",
            "truncation by": found.engine,
            "iterations": found.iterations,
            "time spent (s)": round(found.seconds, 3),
            **quantisation_facts(
                [number for row in self.matrix for number in row],
                [integer for row in self.integers for integer in row],
                self.coefficient_format,
            ),
        }

    def remarks(self) -> list[str]:
        return design_remarks([self.design])

    def views(self, target: Target | None = None) -> list[View]:
        """The graph without biases."""
        return [picture(self.graph, list(self.outputs()))]

    def outcome(self) -> str:
        return self.circuit.to_json()

    def inputs(self) -> dict[str, Format]:
        return {f"x{index}": self.input for index in range(len(self.integers[0]))}

    def outputs(self) -> dict[str, Format]:
        if self.result is not None:
            return {f"result{index}": self.result for index in range(self._rows)}
        ends = [self._exact(index) for index in range(self._rows)]
        if self.bound:
            ends = self.design.analysis.outputs
        ports: dict[str, Format] = {}
        for index, (low, high) in enumerate(ends):
            if self.relu:
                low, high = max(low, 0), max(high, 0)
            ports[f"result{index}"] = FixedFormat(
                width_of_range(low, high), low < 0, self._fraction_width
            )
        return ports

    def golden(self, **codes: Any) -> dict[str, Any]:
        inputs = [np.asarray(codes[f"x{index}"]) for index in range(len(self.integers[0]))]
        # Partial sums need no more bits than the sum of all magnitudes plus what truncation loses.
        largest = max(sum(map(abs, row)) for row in self.integers) << self.input.width
        largest = 4 * (largest + max(map(abs, self._biases)) + self.bound)
        wide = largest >> 60 or any(code.dtype == object for code in inputs)
        values = []
        for code in inputs:
            value = code.astype(object if wide else np.int64)
            if self.input.signed:
                value = value - ((value >> (self.input.width - 1)) << self.input.width)
            values.append(value)
        if self.bound:
            constant = 0 if self.result is None else self._stage.constant
            totals = [total - constant for total in self.circuit.evaluate(values)]
        else:
            totals = []
            for row, bias in zip(self.integers, self._biases, strict=True):
                total = values[0] * 0 + bias
                for constant, value in zip(row, values, strict=True):
                    total = total + constant * value
                totals.append(total)
        if self.relu:
            totals = [total * (total > 0) for total in totals]
        found = {}
        exact = FixedFormat(largest.bit_length() + 1, True, self._fraction_width)
        for total, (name, format) in zip(totals, self.outputs().items(), strict=True):
            kept = format if self.result is None else exact
            code = total & ((1 << kept.width) - 1)
            code = code.astype(object if kept.width > 64 else np.uint64)
            if self.result is not None:
                numbers = exact.unpack(code)
                code = self.result.project(numbers, self.rounding, None, 0, self.overflow)
            found[name] = code
        return found

    def exact(self, **codes: Any) -> ExactOutputs:
        input, result = self.input, self.result
        assert isinstance(input, FixedFormat)
        columns = [numbers_of(codes[f"x{index}"], input) for index in range(len(self.integers[0]))]
        unit = Fraction(2) ** -self._fraction_width
        last_place = Fraction(2) ** -fraction_width(self.coefficient_format)
        bound, values = self.bound * unit, {}
        for index, (row, bias) in enumerate(zip(self.integers, self._biases, strict=True)):
            totals = [
                bias * unit + last_place * sum(c * x for c, x in zip(row, item, strict=True))
                for item in zip(*columns, strict=True)
            ]
            if self.relu:
                totals = [max(total, Fraction(0)) for total in totals]
            values[f"result{index}"] = totals
        if isinstance(result, FixedFormat):
            bound += rounding_error(self._fraction_width, result, self.rounding)
            if self.overflow == "saturate":
                values = {name: clamped(totals, result) for name, totals in values.items()}
        wraps = result is not None and self.overflow == "wrap"
        return ExactOutputs(values, dict.fromkeys(values, bound), wraps)

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        inputs = [wires[f"x{index}"] for index in range(len(self.integers[0]))]
        found = self.design
        rows = matrix_steps(plan, found.circuit, found.analysis, inputs)
        outputs = {}
        for index, (name, format) in enumerate(self.outputs().items()):
            assert isinstance(format, FixedFormat)
            if self.result is None and not self.relu:
                outputs[name] = rows[index]
                continue
            stage = self._stage if self.result is not None else self._stage_to(format)
            outputs[name] = stage.steps(plan, name, rows[index], found.analysis.outputs[index])
        return outputs

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]]:
        """The circuit adder by adder, without optimisation, and rounding by its definition.

        That its graph computes the matrix, with the requested errors and constants, are integer
        identities, which :meth:`.MatrixDesign.check` verifies.
        """
        return self._naive

    def _naive(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        inputs = [wires[f"x{index}"] for index in range(len(self.integers[0]))]
        design = self.design.check()
        sums = naive_matrix([wire.value for wire in inputs], design.circuit)
        outputs = {}
        for total, (name, format) in zip(sums, self.outputs().items(), strict=True):
            if self.result is not None:
                total = total - Const(self._stage.constant)
            if self.relu:
                total = Mux(total < 0, 0, total)
            if self.result is not None:
                total = self._naive_result(total)
            outputs[name] = plan.step(
                f"naive_{name}", shape_of(format), lambda *_, v=total: v, *inputs, wrap=True
            )
        return outputs

    def _naive_result(self, total: Any) -> Any:
        """Rounding by its definition, on the magnitude of what is dropped."""
        result, dropped = self.result, self._stage.dropped
        assert isinstance(result, FixedFormat)
        if dropped <= 0:
            rounded = total * (1 << -dropped)
        else:
            unit, minus = 1 << dropped, total < 0
            magnitude = Mux(minus, -total, total)
            kept, rest = magnitude.shift_right(dropped), magnitude[:dropped]
            odd = kept[0]
            up = {
                Rounding.NEAREST_EVEN: (rest * 2 > unit) | ((rest * 2 == unit) & odd),
                Rounding.NEAREST_AWAY: rest * 2 >= unit,
                Rounding.UP: (rest != 0) & ~minus,
                Rounding.DOWN: (rest != 0) & minus,
                Rounding.TO_ODD: (rest != 0) & ~odd,
            }.get(self.rounding, Const(0, 1))
            rounded = Mux(minus, -(kept + up), kept + up)
        if self.overflow == "saturate":
            low, high = result.minimum, result.maximum
            rounded = Mux(rounded > high, high, Mux(rounded < low, low, rounded))
        return rounded

    @property
    def _rows(self) -> int:
        return len(self.integers)

    @property
    def _biases(self) -> tuple[int, ...]:
        return self.biases if self.biases is not None else (0,) * self._rows

    @property
    def _stage(self) -> ResultStage:
        assert isinstance(self.result, FixedFormat)
        return self._stage_to(self.result)

    def _stage_to(self, format: FixedFormat) -> ResultStage:
        assert isinstance(self.input, FixedFormat)
        return ResultStage(
            self._fraction_width,
            format,
            self.rounding,
            self.overflow == "saturate",
            self.relu,
        )

    def _exact(self, index: int) -> tuple[int, int]:
        """Least and greatest exact output."""
        assert isinstance(self.input, FixedFormat)
        ends = [(c * self.input.minimum, c * self.input.maximum) for c in self.integers[index]]
        bias = self._biases[index]
        return sum(map(min, ends)) + bias, sum(map(max, ends)) + bias
