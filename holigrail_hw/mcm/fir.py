"""Finite impulse response (FIR) filter in transposed form, around one block of products.

With coefficients h[0], h[1], ... the result is y[n] = h[0] x[n] + h[1] x[n-1] + ... The transposed
form multiplies every input by all coefficients at once, which is constant multiplication of one
number (MCM), and keeps partial sums::

    s[k][n] = h[k] x[n] + s[k+1][n-1],        y[n] = s[0][n]

so that the path between two registers is one product and one addition. Coefficients that are equal
or opposite, or differ by a power of two, share their product; a negative one is
subtracted. (Oppenheim and Schafer, "Discrete-Time Signal Processing", 1989; Voronenko and
Pueschel, "Multiplierless Multiple Constant Multiplication", 2007.)
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from amaranth import Cat, Const, Shape, signed, unsigned

from holigrail_hw.arith.rounded import RoundedOperator
from holigrail_hw.core import (
    ExactOutputs,
    Target,
    Timing,
    clamped,
    numbers_of,
    operator,
    parameter,
    rounding_error,
)
from holigrail_hw.core.views import View
from holigrail_hw.estimate.primitives import Adder
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl.number.project import project_integer
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .graph.adder_graph import decompose, odd_targets
from .matrix.counting import range_of, width_of_range
from .mcm import ConstantMultiplication
from .problem.coefficients import (
    OVERFLOWS,
    complaints,
    fraction_width,
    overflow_help,
    quantisation_facts,
    quantise,
)
from .single.heuristic import least_depth
from .single.problem import METRICS, Problem
from .single.selection import targets_of
from .views.frequency_response import magnitude_response
from .views.graph_pictures import picture

__all__ = ["FiniteImpulseResponse"]


@operator(
    "fir",
    summary="a finite impulse response filter, transposed, without multipliers",
    references=(
        "Oppenheim and Schafer, Discrete-Time Signal Processing, 1989 (transposed form)",
        "Voronenko and Pueschel, Multiplierless Multiple Constant Multiplication, 2007",
    ),
    maturity="preview",
)
@dataclass(frozen=True, kw_only=True)
class FiniteImpulseResponse(RoundedOperator):
    """result[n] = coefficients[0] x[n] + coefficients[1] x[n-1] + ...; x is 0 before the reset.

    Time n counts items, not cycles: pauses in a stream do not count. The latency is 0 unless a
    clock is requested, and the initiation interval is 1. The exact output has as many bits as the
    largest sum needs, and is rounded only if ``result`` is another format. The products have the
    least possible adder depth unless ``depth`` is given, and the fewest adders (or one-bit adders)
    at that depth; 64 is as good as no limit.

    With ``coefficient_format`` the coefficients are real numbers (exact decimals as text, or the
    contents of a file of numbers) and are rounded to that format, half to even. The filter uses the
    rounded ones; the result has their fraction bits in addition to those of x.
    """

    coefficients: tuple[int | Fraction, ...] = parameter(
        (7, -19, 31, -19, 7),
        "the impulse response, starting with the factor of the newest input",
        samples=((5,), (0, -6, 0, 0, -3, 0), (-1, 1, 0), (90, -45, 7, 0, 181)),
    )
    input: Format = parameter(
        parse("int8"), "format of x", samples=tuple(map(parse, ("uint5", "sfix6_en3")))
    )
    metric: str = parameter("adders", "what to minimise in the products", choices=METRICS)
    depth: int | None = parameter(
        None,
        "most adders on a path of the products; the least without it, 64 for no limit",
        low=1,
        high=64,
        samples=(2, 64),
        nothing="least",
    )
    search_time: int = parameter(
        20, "time limit of the search in seconds", low=1, high=1 << 20, hardware=False
    )
    result: Format | None = parameter(
        None,
        "format of the result; exact if none",
        samples=tuple(map(parse, ("int9", "sfix7_en-4"))),
    )
    coefficient_format: Format | None = parameter(
        None,
        "format the coefficients are rounded to, half to even; they are integers if none",
        samples=(parse("sfix9_en3"),),
    )
    coefficient_overflow: str = parameter("refuse", overflow_help, choices=OVERFLOWS)

    @functools.cached_property
    def integers(self) -> tuple[int, ...]:
        """The coefficients in units of the last place of ``coefficient_format``."""
        return quantise(self.coefficients, self.coefficient_format)

    @property
    def stateful(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the output depends on more than the newest input."""
        return any(self.integers[1:])

    def derive(self) -> dict[str, Any]:
        if self._wrong():
            return {}
        depth = max(1, least_depth(odd_targets(self.integers)))
        return {"result": self.exact_format, "depth": depth}

    def check(self) -> list[str]:
        return self._wrong() or super().check()

    def _wrong(self) -> list[str]:
        if not isinstance(self.input, FixedFormat):
            return [f"input must be an integer or fixed point, not {self.input}"]
        wrong = complaints(
            "coefficients", self.coefficients, self.coefficient_format, self.coefficient_overflow
        )
        if wrong:
            return wrong
        problem = Problem(self.integers, metric=self.metric, depth=self.depth)
        return [text.replace("constants", "coefficients") for text in problem.violations()]

    def operands(self) -> dict[str, Format]:
        return {"x": self.input}

    def outputs(self) -> dict[str, Format]:
        return {"result": self.target}

    @property
    def exact_format(self) -> FixedFormat:
        """The narrowest format that holds every output."""
        low, high = range_of(self.integers, self.input.width, self.input.signed)
        return FixedFormat(width_of_range(low, high), low < 0, self._fraction_width)

    @property
    def _fraction_width(self) -> int:
        """Fraction bits of exact outputs."""
        return fraction_width(self.input) + fraction_width(self.coefficient_format)

    @property
    def factors(self) -> tuple[int, ...]:
        """The odd parts of the coefficients, each once: the products that are needed."""
        return tuple(sorted({decompose(c)[0] for c in self.integers} - {0}))

    @property
    def block(self) -> Any:
        """The products of the input, a ConstantMultiplication; ``None`` if all are 0."""
        if not self.factors:
            return None
        return ConstantMultiplication(
            constants=self.factors,
            input=self.input,
            metric=self.metric,
            depth=self.depth,
            search_time=self.search_time,
        )

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        """What is known about the filter, for people."""
        block = self.block
        known = block.facts() if block else {"adders": 0, "adder depth": 0, "optimal": "proved"}
        format = self.coefficient_format
        return {
            "taps": len(self.integers),
            "adders of the products": known["adders"],
            "structural adders": max(0, sum(map(bool, self.integers)) - 1),
            "adder depth of the products": known["adder depth"],
            "products optimal": known["optimal"],
            "sum of magnitudes": sum(map(abs, self.integers)),
            **quantisation_facts(self.coefficients, self.integers, format),
        }

    def remarks(self) -> list[str]:
        block = self.block
        return block.remarks() if block else []

    def views(self, target: Target | None = None) -> list[View]:
        """The graph of the products, the taps, and the magnitude of the frequency response."""
        block = self.block
        if block is None:
            return []
        nodes = {factor: node for node, factor in enumerate(block.graph.fundamentals)}
        graph = replace(block.graph, targets=targets_of(self.integers, nodes))
        names = [f"h{age}" for age in range(len(self.integers))]
        return [picture(graph, names), magnitude_response(self.integers)]

    def outcome(self) -> str | None:
        block = self.block
        return None if block is None else block.outcome()

    def golden(self, x: Any, random: Any = None) -> dict[str, Any]:
        codes = np.asarray(x)
        exact = self.exact_format
        # No partial sum exceeds the largest input magnitude times the sum of |coefficients|.
        largest = sum(map(abs, self.integers)) << self.input.width
        values = codes.astype(object if largest >> 62 or codes.dtype == object else np.int64)
        if self.input.signed:
            values = values - ((values >> (self.input.width - 1)) << self.input.width)
        total = values * 0
        for age, coefficient in enumerate(self.integers[: len(values)]):
            total[age:] += coefficient * values[: len(values) - age]
        code = (total & ((1 << exact.width) - 1)).astype(object if exact.width > 64 else np.uint64)
        return {
            "result": code if self.target == exact else self.projected(exact.unpack(code), random)
        }

    def exact(self, x: Any, random: Any = None) -> ExactOutputs | None:
        input, target = self.input, self.target
        if not isinstance(target, FixedFormat):
            return None
        assert isinstance(input, FixedFormat)
        numbers = numbers_of(x, input)
        unit = Fraction(2) ** -fraction_width(self.coefficient_format)
        sums = [
            sum(
                (c * numbers[n - age] for age, c in enumerate(self.integers[: n + 1])),
                Fraction(),
            )
            * unit
            for n in range(len(numbers))
        ]
        saturates = self.overflow == "saturate"
        return ExactOutputs(
            {"result": clamped(sums, target) if saturates else sums},
            {"result": rounding_error(self._fraction_width, target, self.rounding)},
            wraps=not saturates,
        )

    def items(self, count: int, rng: np.random.Generator) -> dict[str, Any]:
        """Random items and corner cases, with runs that drive the sum to its extremes."""
        found = super().items(count, rng)
        low, high = self.input.minimum, self.input.maximum  # type: ignore[attr-defined]
        mask, taps = (1 << self.input.width) - 1, len(self.integers)
        for start in range(0, count - taps, 5 * taps):
            ends = (high, low) if rng.random() < 0.5 else (low, high)
            run = [ends[c < 0] & mask for c in reversed(self.integers)]
            found["x"][start : start + taps] = run
        return found

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        exact = self.exact_format
        y = self._sums(plan, wires["x"])
        if y is None:
            y = plan.constant(0, _shape(0, 0))
        if self.target == exact:
            return {"result": y}
        return {
            "result": project_integer(
                plan, self.target, y, exact.fraction_width, **self.options(wires)
            )
        }

    def _sums(self, plan: Plan, x: Wire) -> Wire | None:
        """The chain of delays and adders, from the oldest input to the newest.

        A sum may be kept negated, so that every product is added to it or subtracted from it and
        its low bits pass through where the product has zeros. One adder changes the sign back.
        """
        block = self.block
        if block is None:
            return None
        products = block.datapath(plan, x=x)
        product = {f: products[f"result{index}"] for index, f in enumerate(self.factors)}
        turn, negative = self._turn(), False
        total: Wire | None = None
        for age in reversed(range(len(self.integers))):
            old = None if total is None else plan.previous(f"delayed{age}", total)
            coefficient = self.integers[age]
            if not coefficient:
                total = old
                continue
            factor, shift, minus = decompose(coefficient)
            if old is None:
                negative = minus
            turned = age == turn
            subtract = minus != negative
            negative = negative and not turned
            total = self._sum(plan, age, old, product[factor], shift, subtract, turned, negative)
        assert total is not None
        if not negative:
            return total
        shape = _shape(*self._range(0, False))
        return plan.step(
            "negated", shape, lambda v: -v, total, using=Adder(shape.width), wrap=True, keep=True
        )

    def _sum(
        self,
        plan: Plan,
        age: int,
        old: Wire | None,
        product: Wire,
        shift: int,
        subtract: bool,
        turned: bool,
        negative: bool,
    ) -> Wire:
        """One tap: product - old if ``turned``, old - product if ``subtract``, else their sum."""
        name, shape = f"sum{age}", _shape(*self._range(age, negative))
        if old is None:
            return plan.step(name, shape, lambda p: p.shift_left(shift), product, wrap=True)
        passed = 0 if turned else shift

        def function(old: Any, product: Any) -> Any:
            high, p = old.shift_right(passed), product.shift_left(shift - passed)
            total = p - high if turned else high - p if subtract else high + p
            if not passed:
                return total
            # Where the product has zeros, the old sum passes through, extended if it is narrow.
            low = (old | Const(0, signed(passed + 1)))[:passed]
            whole = Cat(low, total[: max(0, shape.width - passed)])
            return whole.as_signed() if shape.signed else whole

        width = max(1, shape.width - passed)
        return plan.step(
            name, shape, function, old, product, using=Adder(width), wrap=True, keep=True
        )

    def _turn(self) -> int | None:
        """The tap whose product the sum is subtracted from, if the oldest one is negative."""
        used = [age for age, c in enumerate(self.integers) if c]
        if self.integers[used[-1]] > 0:
            return None
        positive = [age for age in used if self.integers[age] > 0]
        return min(positive, key=lambda age: decompose(self.integers[age])[1], default=None)

    def _range(self, age: int, negative: bool) -> tuple[int, int]:
        """Least and greatest sum over the inputs of at least this age, or of its negative."""
        row = tuple(-c if negative else c for c in self.integers[age:])
        return range_of(row, self.input.width, self.input.signed)

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]] | None:
        """For exact outputs: products and sums in Amaranth's own integer arithmetic."""
        return self._naive if self.target == self.exact_format and self.stateful else None

    def _naive(self, plan: Plan, x: Wire) -> Mapping[str, Wire]:
        total = plan.constant(0, _shape(0, 0))
        for age in reversed(range(len(self.integers))):
            old = plan.previous("old", total) if age + 1 < len(self.integers) else total
            total = plan.step(
                "naive",
                _shape(*self._range(age, False)),
                lambda s, x, c=self.integers[age]: s + x * c,
                old,
                x,
                wrap=True,
            )
        return {"result": total}


def _shape(low: int, high: int) -> Shape:
    width = width_of_range(low, high)
    return signed(width) if low < 0 else unsigned(width)
