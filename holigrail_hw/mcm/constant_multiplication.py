"""Multiplication of one number by many constants with shifts and adders only (MCM).

The adder graph is found by the searches of this package and kept on disk. Every adder of the graph
is one step of the plan. Low bits that pass straight through an adder are wired around it, as the
count of one-bit adders assumes; negative constants cost one negation per output in addition.

With an error bound, operands are truncated where that saves one-bit adders, and the worst error of
every output is proved to stay within the bound.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from amaranth import Cat, Const, Shape, signed, unsigned

from holigrail_hw.core import OperatorSpec, RequestError, Timing, operator, parameter
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.plan import Plan, Wire
from holigrail_hw.hdl.primitives import Adder as AdderPrimitive
from holigrail_hw.hdl.primitives import Wiring
from holigrail_hw.views import View

from .adder_graph import Adder, AdderGraph
from .cost_table import cost_table
from .counting import adder_costs
from .error_histogram import error_histogram
from .errors import GraphError
from .graph_pictures import picture
from .ilp import SOLVERS
from .solution_cache import solve_cached
from .solve import ENGINES, METRICS, Problem, Solution
from .truncation import NodeState, node_states, output_errors, width_of

__all__ = ["ConstantMultiplication"]


@operator(
    "mcm",
    summary="products of one number with many constants, by a graph of adders",
    references=(
        "Voronenko and Pueschel, Multiplierless Multiple Constant Multiplication, 2007",
        "Kumm, Optimal Constant Multiplication Using Integer Linear Programming, 2018",
        "Garcia and Volkova, Toward the Multiple Constant Multiplication at Minimal Hardware "
        "Cost, 2023 (one-bit adders, truncation)",
    ),
    maturity="preview",
)
@dataclass(frozen=True, kw_only=True)
class ConstantMultiplication(OperatorSpec):
    """p0 = x * constants[0], p1 = x * constants[1], ...

    Outputs are exact, in as many bits as the products need, unless an error is allowed. The bound
    is on the magnitude of output minus exact product: ``error`` in units of the product's lowest
    bit, ``error_ulp`` in units of the last place of outputs rounded to ``output_bits``, of which
    the largest product uses all. ``faithful`` allows half such a unit, so that rounding the outputs
    to ``output_bits`` afterwards is off by at most one unit.
    """

    constants: tuple[int, ...] = parameter(
        (7, 19, 31), "the constant factors", samples=((5,), (-7, 0, 38, 7), (1, 2, 231, 45, 107))
    )
    input: Format = parameter(parse("int8"), "format of x", samples=("uint5", "sfix6_en3"))
    metric: str = parameter("adders", "what is made small", choices=METRICS)
    depth: int | None = parameter(None, "most adders on a path", low=1, high=64)
    extra: int = parameter(
        0, "adders beyond the fewest, if they save one-bit adders", low=0, high=4
    )
    error: int = parameter(0, "allowed error in units of the product", low=0, high=1 << 80)
    error_ulp: int = parameter(0, "allowed error in ulps of rounded outputs", low=0, high=1 << 20)
    faithful: bool = parameter(False, "allow half an ulp of rounded outputs")
    output_bits: int | None = parameter(
        None, "bits of rounded outputs, as many as the input has if none", low=1, high=128
    )
    engine: str = parameter("auto", "how the graph is found", choices=ENGINES)
    solver: str = parameter(
        "HiGHS", "solver of the engine ilp", choices=SOLVERS, samples=("HiGHS",)
    )
    search_time: int = parameter(20, "seconds for the search", low=1, high=1 << 20)

    def check(self) -> list[str]:
        if not isinstance(self.input, FixedFormat):
            return [f"input must be an integer or fixed point, not {self.input}"]
        if sum((self.error > 0, self.error_ulp > 0, self.faithful)) > 1:
            return ["only one of error, error_ulp and faithful may be given"]
        return self.problem.violations()

    @property
    def problem(self) -> Problem:
        """The request to the searches."""
        return Problem(
            constants=self.constants,
            metric=self.metric,
            input_width=self.input.width,
            signed=self.input.signed,
            depth=self.depth,
            extra=self.extra,
            error=self.bound,
        )

    @property
    def bound(self) -> int:
        """Allowed magnitude of output minus exact product, in units of the product's lowest bit."""
        low, high = _range(self.input)
        largest = max((abs(c) for c in self.constants), default=0) * max(-low, high)
        bits = self.input.width if self.output_bits is None else self.output_bits
        halves = 2 * self.error_ulp + self.faithful
        place = largest.bit_length() + self.input.signed - bits
        return self.error + (halves << place >> 1 if place >= 0 else 0)

    @property
    def solution(self) -> Solution:
        """The adder graph with its proof status; found once, then kept on disk."""
        return _solved(self.problem, self.engine, self.search_time, self.solver)

    @property
    def graph(self) -> AdderGraph:
        """The adder graph."""
        return self.solution.graph

    def facts(self) -> dict[str, Any]:
        """What is known about the graph, for people."""
        found = self.solution
        return {
            "adders": found.adders,
            "one-bit adders": found.one_bit_adders,
            "adder depth": found.graph.depth,
            "fundamentals": list(found.graph.fundamentals),
            "optimal": "proved" if found.proved else "not proved",
            "lower bound": found.bound,
            "fewest adders": found.least_adders,
            "error bound": found.problem.error,
            "worst error": found.worst_error,
            "engine": found.engine,
            "time spent (s)": round(found.seconds, 3),
        }

    def views(self) -> list[View]:
        """The graph, how far outputs are off, and what the other metrics would give."""
        names = list(self.outputs())
        found: list[View] = [picture(self.graph, names)]
        width, is_signed = self.input.width, self.input.signed
        if self.bound:
            errors = error_histogram(self.graph, names, width, is_signed, self.bound)
            found += [errors] if errors else []
        exact = replace(self, error=0, error_ulp=0, faithful=False)
        others = [(metric, replace(exact, metric=metric).solution) for metric in METRICS]
        if self.bound:
            others.append(("one-bit-adders, truncated", self.solution))
        return [*found, cost_table(others, self.solution)]

    def top_name(self, timing: Timing | None = None) -> str:
        name = super().top_name(timing)
        if len(name) <= 80:
            return name
        return f"mcm_{hashlib.sha256(name.encode()).hexdigest()[:12]}"

    def inputs(self) -> dict[str, Format]:
        return {"x": self.input}

    def outputs(self) -> dict[str, Format]:
        low, high = _range(self.input)
        errors = [(0, 0)] * len(self.constants)
        if self.bound:
            errors = output_errors(self.graph, self.input.signed)
        ports: dict[str, Format] = {}
        for index, (constant, (below, above)) in enumerate(
            zip(self.constants, errors, strict=True)
        ):
            ends = constant * low, constant * high
            least, most = min(ends) + below, max(ends) + above
            width = max(most.bit_length(), (-least - 1).bit_length() if least < 0 else 0)
            ports[f"p{index}"] = FixedFormat(
                max(1, width + (least < 0)), least < 0, self.input.fraction_width
            )
        return ports

    def golden(self, x: Any) -> dict[str, Any]:
        codes = np.asarray(x)
        outputs = self.outputs()
        wide = max(format.width for format in outputs.values()) > 62 or codes.dtype == object
        values = codes.astype(object if wide else np.int64)
        if self.input.signed:
            values = values - ((values >> (self.input.width - 1)) << self.input.width)
        if self.bound:
            products = self.graph.evaluate(values)
        else:
            products = [values * constant for constant in self.constants]
        found = {}
        for (name, format), product in zip(outputs.items(), products, strict=True):
            code = product & ((1 << format.width) - 1)
            found[name] = code.astype(object if format.width > 64 else np.uint64)
        return found

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        graph = self.graph
        states = node_states(graph, self.input.signed)
        shapes = [
            _shape(width_of(fundamental, state, self.input.width, self.input.signed), state)
            for fundamental, (state, _) in zip(graph.fundamentals, states, strict=True)
        ]
        costs = adder_costs(graph, self.input.width, signed=self.input.signed)
        nodes = [wires["x"]]
        for index, adder in enumerate(graph.adders, start=1):
            # The widths hold every value the error bounds allow, so no bit that counts is dropped.
            nodes.append(
                plan.step(
                    f"times{adder.fundamental}",
                    shapes[index],
                    _sum(adder, states[index][1], shapes[index]),
                    nodes[adder.left.node],
                    nodes[adder.right.node],
                    using=AdderPrimitive(costs[index - 1]) if costs[index - 1] else Wiring(),
                    wrap=True,
                    keep=True,
                )
            )
        outputs = {}
        for (name, format), target in zip(self.outputs().items(), graph.targets, strict=True):
            shape = signed(format.width) if format.signed else unsigned(format.width)
            if target.node is None:
                outputs[name] = plan.constant(0, shape)
                continue
            node = nodes[target.node]
            shift = target.shift
            if target.negative:
                node = plan.step(
                    f"minus{abs(target.constant) >> shift}",
                    signed(format.width - shift),
                    lambda value: -value,
                    node,
                    using=AdderPrimitive(format.width - shift),
                    wrap=True,
                    keep=True,
                )
            outputs[name] = plan.step(
                f"product{name[1:]}",
                shape,
                lambda value, shift=shift: value.shift_left(shift),
                node,
                wrap=True,
            )
        return outputs


def _sum(adder: Adder, passed: int, shape: Shape) -> Any:
    """The adder as an expression: low bits that pass, and the sum of the rest."""

    def function(left: Any, right: Any) -> Any:
        terms = []
        for operand, value in ((adder.left, left), (adder.right, right)):
            kept = value.shift_right(operand.truncate).shift_left(operand.truncate + operand.shift)
            terms.append((operand.negative, kept))
        upper = [(negative, value.shift_right(passed)) for negative, value in terms]
        (negative_left, a), (negative_right, b) = upper
        total = b - a if negative_left else a - b if negative_right else a + b
        if not passed:
            return total.shift_right(adder.right_shift)
        # One of the two is zero here, and the other one is not negated. The constant extends both.
        low = (terms[0][1] | terms[1][1] | Const(0, signed(passed + 1)))[:passed]
        whole = Cat(low, total[: max(0, shape.width - passed)])
        return whole.as_signed() if shape.signed else whole

    return function


def _shape(width: int, state: NodeState) -> Shape:
    return signed(width) if state.signed else unsigned(width)


def _range(format: Format) -> tuple[int, int]:
    assert isinstance(format, FixedFormat)
    return format.minimum, format.maximum


@lru_cache(maxsize=256)
def _solved(problem: Problem, engine: str, time_limit: int, solver: str) -> Solution:
    try:
        return solve_cached(problem, engine=engine, time_limit=time_limit, solver=solver)
    except GraphError as error:
        raise RequestError(f"mcm: {error}", hint=error.hint) from None
