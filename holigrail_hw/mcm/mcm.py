"""Multiplication of one number by many constants with shifts and adders only (MCM).

The adder graph is found by the searches of this package and kept on disk. Every adder of the graph
is one step of the plan. Low bits that pass straight through an adder are wired around it, as the
count of one-bit adders assumes; a negative constant costs one more negation at its output.

With an error bound, operands are truncated where that saves one-bit adders, and the worst error of
every output is proved to stay within the bound.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from amaranth import signed, unsigned

from holigrail_hw.core import (
    ExactOutputs,
    OperatorSpec,
    RequestError,
    Target,
    Timing,
    ToolError,
    numbers_of,
    operator,
    parameter,
)
from holigrail_hw.core.views import View
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .build.adder_step import GraphSteps
from .build.graph_nodes import nodes_of, results_of, sums_of
from .build.naive_circuit import naive_graph
from .build.node_signs import Result
from .graph.adder_graph import AdderGraph, odd_targets
from .graph.counting import adder_costs
from .graph.error_bounds import output_errors
from .native.library import slow_remark
from .problem.coefficients import (
    OVERFLOWS,
    complaints,
    fraction_width,
    overflow_help,
    quantisation_facts,
    quantise,
)
from .problem.errors import GraphError, MissingPackage
from .single.ilp import SOLVERS
from .single.kept_solutions import solve_cached
from .single.problem import ENGINES, METRICS, Problem, Solution
from .views.cost_table import cost_table
from .views.error_histogram import error_histogram
from .views.graph_pictures import picture

__all__ = ["ConstantMultiplication", "search_remarks"]


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
    """result0 = x * constants[0], p1 = x * constants[1], ...

    Outputs are exact, and as wide as the products need, unless an error is allowed. The bound
    is on the magnitude of (output - exact product): ``error`` in units of the product's lowest
    bit, ``error_ulp`` in units in the last place of outputs rounded so that the largest product
    fills ``output_bits``. ``faithful`` allows half such a unit, so that outputs rounded to
    ``output_bits`` afterwards are off by at most one unit.

    With ``coefficient_format`` the constants are real numbers (exact decimals as text, or the
    contents of a file of numbers) and are rounded to that format, half to even. The products use
    the rounded ones and have their fraction bits in addition to those of x; error bounds do not
    include what that rounding changed.
    """

    constants: tuple[int | Fraction, ...] = parameter(
        (7, 19, 31), "the constant factors", samples=((5,), (-7, 0, 38, 7), (1, 2, 231, 45, 107))
    )
    input: Format = parameter(parse("int8"), "format of x", samples=("uint5", "sfix6_en3"))
    metric: str = parameter("adders", "what to minimise", choices=METRICS)
    depth: int | None = parameter(None, "most adders on a path", low=1, high=64)
    extra: int | None = parameter(
        None,
        "adders allowed beyond the fewest to save one-bit adders; 1, or 2 where quick, if none",
        low=0,
        high=4,
        samples=(0, 1),
    )
    error: int = parameter(0, "allowed error in units of the product", low=0, high=1 << 80)
    error_ulp: int = parameter(0, "allowed error in ulps of rounded outputs", low=0, high=1 << 20)
    faithful: bool = parameter(False, "allow half an ulp of rounded outputs")
    output_bits: int | None = parameter(
        None, "bits of rounded outputs; the input's width if none", low=1, high=128
    )
    engine: str = parameter(
        "auto",
        "how the graph is found",
        choices=ENGINES,
        samples=("auto", "search", "ilp"),
        hardware=False,
    )
    solver: str = parameter(
        "HiGHS",
        "solver of the engine ilp",
        choices=SOLVERS,
        samples=("HiGHS",),
        hardware=False,
    )
    search_time: int = parameter(
        20, "time limit of the search in seconds", low=1, high=1 << 20, hardware=False
    )
    registers: str = parameter(
        "scheduled",
        "where registers go: as the clock period or latency requires, or also after every adder",
        choices=("scheduled", "every-adder"),
    )
    coefficient_format: Format | None = parameter(
        None,
        "format the constants are rounded to, half to even; they are integers if none",
        samples=(parse("sfix9_en3"),),
    )
    coefficient_overflow: str = parameter("refuse", overflow_help, choices=OVERFLOWS)

    @functools.cached_property
    def integers(self) -> tuple[int, ...]:
        """The constants in units of the last place of ``coefficient_format``."""
        return quantise(self.constants, self.coefficient_format)

    @property
    def _fraction_width(self) -> int:
        """Fraction bits of the outputs."""
        return fraction_width(self.input) + fraction_width(self.coefficient_format)

    def check(self) -> list[str]:
        if not isinstance(self.input, FixedFormat):
            return [f"input must be an integer or fixed point, not {self.input}"]
        if sum((self.error > 0, self.error_ulp > 0, self.faithful)) > 1:
            return ["only one of error, error_ulp and faithful may be given"]
        wrong = complaints(
            "constants", self.constants, self.coefficient_format, self.coefficient_overflow
        )
        return wrong or self.problem.violations()

    @property
    def problem(self) -> Problem:
        """The request passed to the searches."""
        return Problem(
            constants=self.integers,
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
        largest = max((abs(c) for c in self.integers), default=0) * max(-low, high)
        bits = self.input.width if self.output_bits is None else self.output_bits
        halves = 2 * self.error_ulp + self.faithful
        place = largest.bit_length() + self.input.signed - bits
        return self.error + (halves << place >> 1 if place >= 0 else 0)

    @property
    def solution(self) -> Solution:
        """The adder graph with its proof status; found once, then kept on disk."""
        return _solved(self.problem, self.engine, self.search_time, self.solver)

    def prepare(self, progress: Callable[[str], None]) -> str | None:
        found = _solved(self.problem, self.engine, self.search_time, self.solver, progress)
        if not found.stopped:
            return slow_remark()
        return slow_remark(
            f"search stopped after {found.seconds:.1f} s, going on with the {found.summary()}"
        )

    @property
    def graph(self) -> AdderGraph:
        """The adder graph."""
        return self.solution.graph

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        """What is known about the graph, for people."""
        found = self.solution
        terms = {"optimal among": _terms(found)} if found.proved else {}
        return {
            "adders": found.adders,
            "one-bit adders": found.one_bit_adders,
            "adder depth": found.graph.depth,
            "fundamentals": list(found.graph.fundamentals),
            "optimal": "proved" if found.proved else "not proved",
            **terms,
            "lower bound": found.bound,
            "fewest adders": found.least_adders,
            "error bound": found.problem.error,
            "worst error": found.worst_error,
            "engine": found.engine,
            "search ended by": found.ended,
            "time spent (s)": round(found.seconds, 3),
            **quantisation_facts(self.constants, self.integers, self.coefficient_format),
        }

    def remarks(self) -> list[str]:
        return search_remarks(self.solution.ended)

    def views(self, target: Target | None = None) -> list[View]:
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

    def outcome(self) -> str:
        return self.graph.to_json()

    def inputs(self) -> dict[str, Format]:
        return {"x": self.input}

    def outputs(self) -> dict[str, Format]:
        low, high = _range(self.input)
        errors = [(0, 0)] * len(self.integers)
        if self.bound:
            errors = output_errors(self.graph, self.input.signed)
        ports: dict[str, Format] = {}
        for index, (constant, (below, above)) in enumerate(zip(self.integers, errors, strict=True)):
            ends = constant * low, constant * high
            least, most = min(ends) + below, max(ends) + above
            width = max(most.bit_length(), (-least - 1).bit_length() if least < 0 else 0)
            ports[f"result{index}"] = FixedFormat(
                max(1, width + (least < 0)), least < 0, self._fraction_width
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
            products = [values * constant for constant in self.integers]
        found = {}
        for (name, format), product in zip(outputs.items(), products, strict=True):
            code = product & ((1 << format.width) - 1)
            found[name] = code.astype(object if format.width > 64 else np.uint64)
        return found

    def exact(self, x: Any) -> ExactOutputs:
        assert isinstance(self.input, FixedFormat)
        numbers = numbers_of(x, self.input)
        unit = Fraction(2) ** -fraction_width(self.coefficient_format)
        bound = self.bound * Fraction(2) ** -self._fraction_width
        names = [f"result{index}" for index in range(len(self.integers))]
        return ExactOutputs(
            {
                name: [constant * unit * number for number in numbers]
                for name, constant in zip(names, self.integers, strict=True)
            },
            dict.fromkeys(names, bound),
        )

    def variants(self) -> list[OperatorSpec]:
        """The variants of single parameters, and truncated ones."""
        exact = replace(self, error=0, error_ulp=0, faithful=False)
        few = replace(exact, metric="one-bit-adders")
        return [*super().variants(), replace(few, error=20), replace(few, faithful=True)]

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        graph, width, is_signed = self.graph, self.input.width, self.input.signed
        per_adder = self.registers == "every-adder"
        steps = GraphSteps(
            plan,
            nodes_of(graph, width, is_signed),
            sums_of(graph, is_signed),
            results_of(graph),
            inputs=[wires["x"]],
            names=["x", *(f"times{fundamental}" for fundamental in graph.fundamentals[1:])],
            counted=adder_costs(graph, width, signed=is_signed),
            depths=graph.depths if per_adder else None,
        )
        outputs = {}
        for (name, format), target in zip(self.outputs().items(), graph.targets, strict=True):
            shape = signed(format.width) if format.signed else unsigned(format.width)
            if target.node is None:
                outputs[name] = plan.constant(0, shape)
                continue
            outputs[name] = plan.step(
                f"product{name[1:]}",
                shape,
                lambda value, shift=target.shift: value.shift_left(shift),
                steps.result(Result(target.node, target.negative)),
                wrap=True,
                cycle=graph.depths[target.node] if per_adder else 0,
            )
        return outputs

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]]:
        """The graph adder by adder, without optimisation, checked to compute the constants."""

        def circuit(plan: Plan, x: Wire) -> Mapping[str, Wire]:
            outputs = {}
            shapes = {
                name: signed(format.width) if format.signed else unsigned(format.width)
                for name, format in self.outputs().items()
            }
            values = naive_graph(x.value, self.graph.check(self.integers))
            for (name, shape), value in zip(shapes.items(), values, strict=True):
                outputs[name] = plan.step(
                    f"naive_{name}", shape, lambda _, v=value: v, x, wrap=True
                )
            return outputs

        return circuit


def _terms(found: Solution) -> str:
    """The class of graphs within which a proof of optimality holds, in words."""
    limits = []
    if found.problem.metric != "adders":
        limits.append(f"at most {found.searched} adders")
    if found.problem.depth is not None:
        limits.append(f"at most {found.problem.depth} on a path")
    bits = max((t.bit_length() for t in odd_targets(found.problem.constants)), default=1)
    limits.append(f"fundamentals below {1 << bits}")
    return "graphs of two-operand adders with " + ", ".join(limits)


def search_remarks(ended: str) -> list[str]:
    """A remark for a search that did not end by itself."""
    if ended == "complete":
        return []
    what = "the time limit" if ended == "time limit" else "an interrupt"
    return [f"{what} ended the search for adders: another run may give another design"]


def _range(format: Format) -> tuple[int, int]:
    assert isinstance(format, FixedFormat)
    return format.minimum, format.maximum


_solutions: dict[tuple[Problem, str, int, str], Solution] = {}
_MOST_SOLUTIONS = 256


def _solved(
    problem: Problem,
    engine: str,
    time_limit: int,
    solver: str,
    progress: Callable[[str], None] | None = None,
) -> Solution:
    key = problem, engine, time_limit, solver
    if key not in _solutions:
        if len(_solutions) >= _MOST_SOLUTIONS:
            _solutions.clear()
        try:
            _solutions[key] = solve_cached(
                problem, engine=engine, time_limit=time_limit, solver=solver, progress=progress
            )
        except MissingPackage as error:
            raise ToolError(f"mcm: {error}", hint=error.hint) from None
        except GraphError as error:
            raise RequestError(f"mcm: {error}", hint=error.hint) from None
    return _solutions[key]
