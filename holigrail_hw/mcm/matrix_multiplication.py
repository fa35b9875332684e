"""Multiplication of a vector by a constant matrix with shifts and adders only (CMVM).

A fully parallel layer: every output is a row of the matrix times the inputs. The adder graph is
found by the search of this package. Every adder of the graph is one step of the plan, which is
kept through synthesis. Low bits that pass straight through an adder are wired around it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from amaranth import Cat, Const, Shape, signed, unsigned

from holigrail_hw.core import OperatorSpec, Timing, operator, parameter
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.plan import Plan, Wire
from holigrail_hw.hdl.primitives import Adder as AdderPrimitive
from holigrail_hw.hdl.primitives import Wiring
from holigrail_hw.views import View

from .graph_pictures import picture
from .matrix_counting import matrix_adder_costs, range_of, width_of_range
from .matrix_graph import Matrix, MatrixAdder, MatrixGraph
from .matrix_search import MatrixSolution, least_matrix_depth, solve_matrix

__all__ = ["MatrixMultiplication"]

_WIDEST = 64
_EXAMPLE = ((7, -3, 0), (19, 5, -21))
_SQUARE = ((1, 2, 3, 4), (-5, 6, -7, 8), (0, 0, 0, 0), (11, -13, 17, 0))


@operator(
    "cmvm",
    summary="a constant matrix times a vector, by a graph of adders",
    references=(
        "Hartley, Subexpression Sharing in Filters Using Canonic Signed Digit Multipliers, 1996",
        "Aksoy et al., Optimization Algorithms for the Multiplierless Realization of Linear "
        "Transforms, 2012",
        "Sun et al., da4ml: Distributed Arithmetic for Real-time Neural Networks on FPGAs, 2025",
    ),
    maturity="preview",
)
@dataclass(frozen=True, kw_only=True)
class MatrixMultiplication(OperatorSpec):
    """p0 = biases[0] + row 0 of the matrix times (x0, x1, ...), p1 = ...

    Outputs are exact, in as many bits as they need, with the place of the inputs' lowest bit.
    Biases are in units of that bit. ``depth`` limits the adders on a path of the matrix product;
    a bias is one more adder behind it. The search depends on its seed and its iterations only,
    unless the time limit comes first.
    """

    matrix: tuple[tuple[int, ...], ...] = parameter(
        _EXAMPLE, "the constant matrix, a row for each output", samples=(((-5,),), _SQUARE)
    )
    input: Format = parameter(
        parse("int8"), "format of every input", samples=("uint5", "sfix6_en3")
    )
    biases: tuple[int, ...] | None = parameter(
        None, "constants added to the outputs", samples=((100, -1),)
    )
    depth: int | None = parameter(None, "most adders on a path", low=1, high=64, samples=(3,))
    iterations: int = parameter(200, "repetitions of the search", low=0, high=1 << 30, samples=(0,))
    search_time: int = parameter(60, "seconds for the search", low=1, high=1 << 20, samples=(61,))
    search_seed: int = parameter(
        0, "random numbers of the search", low=0, high=1 << 30, samples=(1,)
    )

    def check(self) -> list[str]:
        if not isinstance(self.input, FixedFormat):
            return [f"input must be an integer or fixed point, not {self.input}"]
        lengths = {len(row) for row in self.matrix}
        if not self.matrix or lengths == {0}:
            return ["matrix must have at least one row and one column"]
        if len(lengths) > 1:
            return [f"rows of the matrix must be equally long, not {sorted(lengths)}"]
        biases = self.biases or ()
        numbers = [*biases, *(item for row in self.matrix for item in row)]
        wide = [item for item in numbers if abs(item).bit_length() > _WIDEST]
        if wide:
            return [f"matrix and biases must have at most {_WIDEST} bits, not {wide[0]}"]
        found = []
        if self.biases is not None and len(biases) != len(self.matrix):
            found.append(f"biases must be {len(self.matrix)}, one per row, not {len(biases)}")
        least = least_matrix_depth(self.matrix)
        if self.depth is not None and self.depth < least:
            found.append(f"depth must be {least} or more for this matrix, not {self.depth}")
        return found

    @property
    def solution(self) -> MatrixSolution:
        """The adder graph; found once in a process."""
        return _solved(self.matrix, self.depth, self.iterations, self.search_time, self.search_seed)

    @property
    def graph(self) -> MatrixGraph:
        """The adder graph, without biases."""
        return self.solution.graph

    def facts(self) -> dict[str, Any]:
        """What is known about the graph without biases, for people."""
        found = self.solution
        costs = matrix_adder_costs(found.graph, self.input.width, signed=self.input.signed)
        return {
            "adders": found.adders,
            "negations": found.graph.negations,
            "one-bit adders": sum(costs),
            "adder depth": found.graph.depth,
            "least depth": least_matrix_depth(self.matrix),
            "optimal": "not proved",
            "iterations": found.iterations,
            "time spent (s)": round(found.seconds, 3),
        }

    def views(self) -> list[View]:
        """The graph without biases."""
        return [picture(self.graph, list(self.outputs()))]

    def top_name(self, timing: Timing | None = None) -> str:
        name = super().top_name(timing)
        shape = f"{len(self.matrix)}x{len(self.matrix[0])}"
        return f"cmvm_{shape}_{hashlib.sha256(f'{name} {self.matrix}'.encode()).hexdigest()[:12]}"

    def inputs(self) -> dict[str, Format]:
        return {f"x{index}": self.input for index in range(len(self.matrix[0]))}

    def outputs(self) -> dict[str, Format]:
        ports: dict[str, Format] = {}
        for index, row in enumerate(self.matrix):
            low, high = range_of(row, self.input.width, self.input.signed)
            bias = self.biases[index] if self.biases else 0
            low, high = low + bias, high + bias
            ports[f"p{index}"] = FixedFormat(
                width_of_range(low, high), low < 0, self.input.fraction_width
            )
        return ports

    def golden(self, **codes: Any) -> dict[str, Any]:
        outputs = self.outputs()
        inputs = [np.asarray(codes[f"x{index}"]) for index in range(len(self.matrix[0]))]
        # Partial sums need no more bits than the sum of all magnitudes does.
        largest = max(sum(map(abs, row)) for row in self.matrix) << self.input.width
        largest += max(map(abs, self.biases or (0,)))
        wide = largest >> 62 or any(code.dtype == object for code in inputs)
        values = []
        for code in inputs:
            value = code.astype(object if wide else np.int64)
            if self.input.signed:
                value = value - ((value >> (self.input.width - 1)) << self.input.width)
            values.append(value)
        found = {}
        for index, (row, (name, format)) in enumerate(
            zip(self.matrix, outputs.items(), strict=True)
        ):
            total = values[0] * 0 + (self.biases[index] if self.biases else 0)
            for constant, value in zip(row, values, strict=True):
                total = total + constant * value
            code = total & ((1 << format.width) - 1)
            found[name] = code.astype(object if format.width > 64 else np.uint64)
        return found

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        graph, width, is_signed = self.graph, self.input.width, self.input.signed
        costs = matrix_adder_costs(graph, width, signed=is_signed)
        nodes = [wires[f"x{index}"] for index in range(graph.inputs)]
        for index, (adder, cost) in enumerate(zip(graph.adders, costs, strict=True)):
            shape = _shape(*range_of(graph.vectors[graph.inputs + index], width, is_signed))
            nodes.append(
                plan.step(
                    f"sum{index}",
                    shape,
                    _sum(adder, shape),
                    nodes[adder.left.node],
                    nodes[adder.right.node],
                    using=AdderPrimitive(cost) if cost else Wiring(),
                    wrap=True,
                    keep=True,
                )
            )
        outputs: dict[str, Wire] = {}
        negated: dict[int, Wire] = {}
        for index, target in enumerate(graph.targets):
            low, high = range_of(self.matrix[index], width, is_signed)
            shape = _shape(low, high)
            if target.node is None:
                row = plan.constant(0, shape)
            else:
                node = nodes[target.node]
                if target.negative:
                    if target.node not in negated:
                        minus = _shape(low >> target.shift, high >> target.shift)
                        negated[target.node] = plan.step(
                            f"minus{target.node}",
                            minus,
                            lambda value: -value,
                            node,
                            using=AdderPrimitive(minus.width),
                            wrap=True,
                            keep=True,
                        )
                    node = negated[target.node]
                row = plan.step(
                    f"row{index}",
                    shape,
                    lambda value, shift=target.shift: value.shift_left(shift),
                    node,
                    wrap=True,
                )
            bias = self.biases[index] if self.biases else 0
            if bias:
                biased = _shape(low + bias, high + bias)
                row = plan.step(
                    f"biased{index}",
                    biased,
                    lambda value, bias=bias: value + bias,
                    row,
                    using=AdderPrimitive(biased.width),
                    wrap=True,
                    keep=True,
                )
            outputs[f"p{index}"] = row
        return outputs


def _sum(adder: MatrixAdder, shape: Shape) -> Any:
    """The adder as an expression: low bits that pass, and the sum of the rest."""
    passed = 0 if adder.right.negative else adder.left.shift

    def function(left: Any, right: Any) -> Any:
        a = left.shift_left(adder.left.shift - passed)
        b = right.shift_right(passed)
        total = b - a if adder.left.negative else a - b if adder.right.negative else a + b
        if not passed:
            return total
        # Where the shifted operand has zeros, the other one passes, extended if it is narrow.
        low = (right | Const(0, signed(passed + 1)))[:passed]
        whole = Cat(low, total[: max(0, shape.width - passed)])
        return whole.as_signed() if shape.signed else whole

    return function


def _shape(low: int, high: int) -> Shape:
    width = width_of_range(low, high)
    return signed(width) if low < 0 else unsigned(width)


@lru_cache(maxsize=256)
def _solved(
    matrix: Matrix, depth: int | None, iterations: int, time_limit: int, seed: int
) -> MatrixSolution:
    return solve_matrix(
        matrix, depth=depth, iterations=iterations, time_limit=time_limit, seed=seed
    )
