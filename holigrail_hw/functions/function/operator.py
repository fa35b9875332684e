"""A function of one variable in hardware: a table, a sum of small tables, or polynomials in pieces.

Exact values of the function come from integer arithmetic with a proved error; the approximation is
computed for every number of the input format, in integers, and each result compared with what is
right there. So the error that ``info`` prints is proved, and not an estimate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from math import ceil
from typing import Any

import numpy as np
from amaranth import Value, unsigned

from holigrail_hw.core import (
    ExactOutputs,
    OperatorSpec,
    RequestError,
    Timing,
    clamped,
    operator,
    parameter,
)
from holigrail_hw.estimate.primitives import Lookup
from holigrail_hw.formats import FixedFormat, Format, Rounding, parse
from holigrail_hw.hdl.integer.lookup import looked_up
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS
from holigrail_hw.hdl.plan.plan import Plan, Wire

from ..exact.catalogue import KNOWN, MOST_EXPONENT
from ..exact.evenly import CIRCLES
from ..exact.values import MOST_SINGLE
from .cost import METRICS
from .datapath import approximated
from .search import METHODS, Approximation, Listener, approximation
from .shape import ACCURACIES, OVERFLOWS, TABLE, Request

__all__ = ["Function"]

_WIDEST, _WIDEST_TABLE = 24, 16
_WIDEST_RESULT = 32
"""Bits of the result where x has more than are computed one by one."""
_FOLDINGS = ("auto", "symmetric", "none")


@operator(
    "function",
    summary="a function of one variable, such as tanh, exp or a given table, with a proved error",
    references=(
        "de Dinechin and Tisserand, Multipartite Table Methods, 2005",
        "Muller, Elementary Functions: Algorithms and Implementation, 3rd edition, 2016",
        "van der Hoeven, Ball arithmetic, 2009",
    ),
    maturity="preview",
    module="function_of",
)
@dataclass(frozen=True, kw_only=True)
class Function(OperatorSpec):
    """result = f(x), off by less than one unit in the last place, or correctly rounded.

    f of the last finite numbers may lie up to one unit beyond the range of the result; these become
    the end of the range. Latency 0 without a clock request, one result per cycle.
    """

    f: str = parameter("tanh", "the function", choices=(*KNOWN, TABLE), samples=("sigmoid",))
    input: Format = parameter(parse("sfix8_en5"), "format of x", samples=(parse("fp6_e2m3"),))
    result: Format = parameter(parse("sfix8_en7"), "format of the result", samples=(parse("fp16"),))
    values: tuple[int | Fraction, ...] | None = parameter(
        None, "f of every x, in the order of its codes 0, 1, 2, ..., if f is table"
    )
    accuracy: str = parameter(
        "faithful",
        "error below one unit in the last place (faithful), or the nearest result (correct)",
        choices=ACCURACIES,
    )
    rounding: Rounding = parameter(
        Rounding.NEAREST_EVEN, "rounding mode of correct results", samples=(Rounding.NEAREST_EVEN,)
    )
    overflow: str = parameter(
        "refuse",
        "f beyond the range of a fixed-point result, or without a value: no design, or the nearest"
        " end, 0 without a value",
        choices=OVERFLOWS,
        samples=("refuse",),
    )
    method: str = parameter(
        "auto",
        "how f is approximated; the cheapest if auto",
        choices=METHODS,
        samples=("table", "multipartite", "polynomial-2"),
    )
    folding: str = parameter(
        "auto",
        "whether the symmetry of f is used: where that is cheaper, always, or never",
        choices=_FOLDINGS,
        samples=("symmetric",),
    )
    metric: str = parameter("luts", "what is to be small", choices=METRICS, samples=("luts",))
    multiplier: str = parameter("rows", MULTIPLIER_MEANING, choices=MULTIPLIERS, samples=("rows",))

    def check(self) -> list[str]:
        wrong = self._wrong_formats() or self._wrong_choices()
        # Of a wide x, what takes long is found out where a search is.
        return wrong or ([] if self._request.is_wide else self._request.complaints())

    def _wrong_formats(self) -> list[str]:
        wrong = []
        for name in ("input", "result"):
            format = getattr(self, name)
            try:
                _ = format.least_place
            except TypeError:
                wrong.append(f"{name} must have numbers that are binary fractions, not {format}")
        if self.result.number_range[1] >= 1 << MOST_EXPONENT:
            wrong.append(
                f"result must have no numbers from 2^{MOST_EXPONENT} on, not {self.result}"
            )
        is_fixed = isinstance(self.input, FixedFormat) and isinstance(self.result, FixedFormat)
        may_be_wide = is_fixed and self.method not in (TABLE, "multipartite")
        most = _WIDEST if may_be_wide and self.f != TABLE else _WIDEST_TABLE
        if self.input.width > most:
            wrong.append(f"input must have at most {most} bits, not {self.input.width}")
        if self.input.width > MOST_SINGLE and not wrong:
            if self.f not in CIRCLES:
                wrong.append(
                    f"input must have at most {MOST_SINGLE} bits where f is {self.f}, not"
                    f" {self.input.width}"
                )
            elif self.result.width > _WIDEST_RESULT:
                wrong.append(
                    f"result must have at most {_WIDEST_RESULT} bits where input has more than"
                    f" {MOST_SINGLE}, not {self.result.width}"
                )
        if not is_fixed and self.method not in ("auto", TABLE):
            wrong.append(
                f"method must be table unless both formats are fixed point, not {self.method}"
            )
        return wrong

    def _wrong_choices(self) -> list[str]:
        wrong = []
        if (self.values is None) == (self.f == TABLE):
            word = "given" if self.values is None else "left out"
            wrong.append(f"values must be {word} where f is {self.f}")
        elif self.values is not None and len(self.values) != 1 << self.input.width:
            wrong.append(
                f"values must be one for each of the {1 << self.input.width} codes of x,"
                f" not {len(self.values)}"
            )
        if self.rounding.is_stochastic:
            wrong.append("rounding must be any but stochastic")
        elif self.accuracy == "faithful" and self.rounding is not Rounding.NEAREST_EVEN:
            wrong.append(
                f"rounding must be nearest_even unless accuracy is correct, not {self.rounding}"
            )
        return wrong

    @property
    def _request(self) -> Request:
        return Request(
            self.f,
            self.values,
            self.input,
            self.result,
            self.accuracy,
            self.rounding,
            self.overflow,
        )

    @cached_property
    def approximation(self) -> Approximation | None:
        """What the search found; None where codes are looked up in one table.

        Raises
        ------
        RequestError
            The method that was asked for finds nothing that is right for every x.
        """
        if not self._request.is_fixed:
            return None
        return self._approximated(None)

    def _approximated(self, say: Callable[[str], None] | None) -> Approximation:
        listener, request = Listener(say), self._request
        if request.is_wide:
            listener(f"compute {self.f} of {1 << self.input.width} numbers")
            if wrong := request.complaints():
                raise RequestError(f"function: {wrong[0]}")
        found = approximation(request, self.method, self.folding, self.metric, listener)
        if found is None:
            raise RequestError(
                f"function: method must be another than {self.method},"
                f" which is not right for every x{_with(self.folding)}",
                hint="--method auto takes the cheapest of those that are",
            )
        return found

    def prepare(self, progress: Callable[[str], None]) -> str | None:
        if self._request.is_wide:
            # Kept by the search for whoever asks next.
            _ = self._approximated(progress)
            return None
        progress(f"compute {self.f} of {1 << self.input.width} numbers, choose an approximation")
        _ = self.approximation
        return None

    @cached_property
    def _codes(self) -> Any:
        """The result's code for every code of x."""
        found = self.approximation
        if found is None or self.accuracy == "correct":
            return self._request.correct
        return (found.numbers & ((1 << self.result.width) - 1)).astype(np.uint64)

    def inputs(self) -> dict[str, Format]:
        return {"x": self.input}

    def outputs(self) -> dict[str, Format]:
        return {"result": self.result}

    def golden(self, x: Any) -> dict[str, Any]:
        """The correctly rounded result if that was asked for; else what the tables add up to."""
        return {"result": self._codes[np.asarray(x).astype(np.int64)]}

    def exact(self, x: Any) -> ExactOutputs | None:
        """f itself, to so many more bits that what is cut off counts for nothing."""
        result, more = self.result, 64
        if not isinstance(result, FixedFormat) or not isinstance(self.input, FixedFormat):
            return None
        values = self._request.values_at(np.asarray(x).astype(np.int64), more)
        unit = Fraction(2) ** result.least_place
        nearest = (Rounding.NEAREST_EVEN, Rounding.NEAREST_AWAY)
        half = self.accuracy == "correct" and self.rounding in nearest
        bound = unit / (2 if half else 1) + unit / (1 << 40)
        return ExactOutputs({"result": clamped(values, result)}, {"result": bound})

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        """The approximation, and the proof of its error: every x was computed."""
        count = 1 << self.input.width
        found = self.approximation
        if found is None:
            return {"method": f"table of {count} codes", "proof": f"all {count} x computed"}
        worst = self.input.format_code(found.worst)
        return {
            "method": found.core.method,
            "symmetry": found.fold.kind,
            "tables": found.core.summary,
            "table bits": found.core.table_bits,
            "largest error (ulp)": f"{ceil(found.error * 10**6) / 10**6:.6f} at x = {worst}",
            "correctly rounded": f"{found.rounded} of {count}",
            "error proof": f"all {count} x computed, and compared with f to 20 more bits",
        }

    def outcome(self) -> str | None:
        """The tables, which a search chose; None for a single table of codes."""
        found = self.approximation
        return (
            None if found is None else sha256(repr((found.fold, found.core)).encode()).hexdigest()
        )

    def cost(self, timing: Timing | None = None) -> dict[str, int]:
        plan = self.planned_figures(timing)
        bits = sum(p.memory_bits() for _, p, _ in plan.resources if isinstance(p, Lookup))
        return {**super().cost(timing), "memory_bits": bits}

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        x, found = wires["x"], self.approximation
        if found is None:
            index = plan.step("code", unsigned(x.width), lambda x: Value.cast(x).as_unsigned(), x)
            return {"result": self._looked_up(plan, index)}
        return {"result": approximated(plan, self._request, found, x, self.multiplier)}

    def _looked_up(self, plan: Plan, index: Wire) -> Wire:
        width = self.result.width
        found = looked_up(plan, "entry", [int(code) for code in self._request.correct], index)
        return plan.step("rounded", unsigned(width), lambda v: v, found)


def _with(folding: str) -> str:
    return {"auto": "", "symmetric": " with its symmetry", "none": " without its symmetry"}[folding]
