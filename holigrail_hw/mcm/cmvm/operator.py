"""Multiplication of a vector by a constant matrix with shifts and adders only (CMVM).

A fully parallel layer: every output is a row of the matrix times the inputs, plus a bias, rounded
to a result format, optionally after a ReLU. The adder graph is found by the searches of this
package and kept on disk. Every adder of the graph is one step of the plan, and synthesis merges
none of them. Biases and rounding constants are folded into existing adders where possible.

With an error bound, operands lose low bits where that saves one-bit adders, and the worst error of
every output is proved to stay within the bound.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from holigrail_hw.core import ExactOutputs, RequestError, Target, Timing, operator
from holigrail_hw.core.views import View
from holigrail_hw.formats import FixedFormat, Format
from holigrail_hw.hdl.plan.plan import Plan, Wire

from ..build.matrix_datapath import matrix_steps
from ..matrix.circuit import MatrixCircuit
from ..matrix.counting import width_of_range
from ..matrix.design import MatrixDesign, MatrixRequest, design_remarks
from ..matrix.graph import MatrixGraph
from ..matrix.kept_designs import design_kept
from ..matrix.search import default_iterations, least_matrix_depth
from ..native.library import slow_remark
from ..problem.coefficients import quantisation_facts
from ..problem.errors import GraphError
from ..views.graph_pictures import picture
from .naive import naive_outputs
from .products import exact_outputs, result_codes
from .shape import MatrixShape

__all__ = ["MatrixMultiplication"]

_CUTS = 200


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
class MatrixMultiplication(MatrixShape):
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
        constant = 0 if self.result is None else self.stage.constant
        request = MatrixRequest(
            matrix=self.integers,
            ranges=((self.input.minimum, self.input.maximum),) * len(self.integers[0]),
            constants=tuple(bias + constant for bias in self.row_biases),
            bounds=(self.bound,) * self.row_count,
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
            return {f"result{index}": self.result for index in range(self.row_count)}
        ends = [self.exact_range(index) for index in range(self.row_count)]
        if self.bound:
            ends = self.design.analysis.outputs
        ports: dict[str, Format] = {}
        for index, (low, high) in enumerate(ends):
            if self.relu:
                low, high = max(low, 0), max(high, 0)
            ports[f"result{index}"] = FixedFormat(
                width_of_range(low, high), low < 0, self.output_fraction
            )
        return ports

    def golden(self, **codes: Any) -> dict[str, Any]:
        return result_codes(self, self.outputs(), self.circuit if self.bound else None, codes)

    def exact(self, **codes: Any) -> ExactOutputs:
        return exact_outputs(self, codes)

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
            stage = self.stage if self.result is not None else self.stage_to(format)
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
        return naive_outputs(self, self.design.check().circuit, self.outputs(), plan, wires)
