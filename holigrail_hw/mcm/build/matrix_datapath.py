"""A matrix circuit as steps of a plan, followed by the rounding of its outputs.

Every adder is one step. A sum with one reader is read through :func:`.unmerged`, so that no tool
merges the two adders. Nothing has the attribute ``keep``: with it, next to such sums, synth_ecp5 of
Yosys 0.70 connects outputs of some carry cells to constants, and stops. Low bits that pass
straight through an adder are wired around it, constants of :mod:`.circuit` are wires, and a
carry is written as a - ~b = a + b + 1 or a + ~b = a - b - 1, which synthesis maps to one carry
chain.

:class:`ResultStage` drops low bits. Its rounding constant is added by the circuit, like a bias:
half a unit for nearest_even, whose ties then clear the lowest bit; one step less than a unit for
up; none for down and to_odd. Only nearest_away and toward_zero without a ReLU need an incrementer.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from amaranth import Cat, Const, Mux, Shape, Value, signed, unsigned

from holigrail_hw.formats import FixedFormat, Rounding
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.estimate.primitives import Adder as AdderPrimitive
from holigrail_hw.estimate.primitives import Logic, Wiring
from holigrail_hw.hdl.number.fixed_project import requantize
from holigrail_hw.hdl.integer.unmerged import unmerged

from ..matrix.analysis import AdderFacts, Analysis, output_is_wiring, output_site
from ..matrix.circuit import Fold, MatrixCircuit
from ..matrix.counting import width_of_range
from ..matrix.graph import MatrixAdder

__all__ = ["ResultStage", "matrix_steps"]

Interval = tuple[int, int]


def matrix_steps(
    plan: Plan, circuit: MatrixCircuit, analysis: Analysis, inputs: list[Wire], prefix: str = ""
) -> list[Wire]:
    """The outputs of a circuit, each in the narrowest shape for its range.

    Parameters
    ----------
    analysis : Analysis
        The analysis of this circuit, for ranges that hold every value of the inputs.
    inputs : list of Wire
        Integers, one per column.
    prefix : str
        Prefix of the names of all steps.
    """
    graph = circuit.graph
    nodes = list(inputs)
    for index, adder in enumerate(graph.adders):
        facts, fold = analysis.adders[index], circuit.folds[index]
        low, high, _ = analysis.nodes[graph.inputs + index]
        shape = _shape(low, high)
        name = f"{prefix}sum{index}"
        alone = graph.readers[graph.inputs + index] == 1
        made = plan.step(
            name,
            shape,
            _sum(adder, circuit.truncations[index], fold, facts, shape),
            nodes[adder.left.node],
            nodes[adder.right.node],
            using=AdderPrimitive(facts.cost) if facts.cost else Wiring(),
            wrap=True,
        )
        if facts.cost and alone:
            apart = partial(unmerged, first=facts.passed)
            made = plan.step(f"{name}_unmerged", shape, apart, made)
        nodes.append(made)
    outputs = []
    behind: dict[tuple[int, bool, int], Wire] = {}
    for index, (target, addend) in enumerate(zip(graph.targets, circuit.addends, strict=True)):
        shape = _shape(*analysis.outputs[index])
        if target.node is None:
            outputs.append(plan.constant(addend, shape))
            continue
        node, ends, shift = nodes[target.node], analysis.nodes[target.node], target.shift
        if output_is_wiring(ends, shift, target.negative, addend):
            function = _wired(ends, shift, target.negative, addend)
            outputs.append(plan.step(f"{prefix}row{index}", shape, function, node, wrap=True))
            continue
        # ±(v << s) + c is (±v + (c >> s)) << s with the low bits of c: one adder for equal tops.
        top = addend >> shift
        key = target.node, target.negative, top
        if key not in behind:
            low, high = (-ends[1], -ends[0]) if target.negative else ends[:2]
            behind[key] = plan.step(
                f"{prefix}biased{index}",
                _shape(low + top, high + top),
                (lambda v, top=top: top - v) if target.negative else (lambda v, top=top: v + top),
                node,
                using=AdderPrimitive(max(1, analysis.output_costs[index])),
                wrap=True,
            )
        low_bits = Const(addend & ((1 << shift) - 1), shift)
        outputs.append(
            plan.step(
                f"{prefix}row{index}",
                shape,
                lambda v, low_bits=low_bits: _cat(low_bits, v),
                behind[key],
                wrap=True,
            )
        )
    return outputs


@dataclass(frozen=True)
class ResultStage:
    """From an integer in units of 2^-fraction_width to ``result``: rounding, ReLU, overflow."""

    fraction_width: int
    result: FixedFormat
    rounding: Rounding
    saturate: bool
    relu: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "rounding", Rounding(self.rounding))

    @property
    def dropped(self) -> int:
        """Low bits that are dropped; negative if the result has more."""
        return self.fraction_width - self.result.fraction_width

    @property
    def constant(self) -> int:
        """What must be added to the integer beforehand."""
        if self.dropped <= 0 or self._increments:
            return 0
        if self.rounding in (Rounding.NEAREST_EVEN, Rounding.NEAREST_AWAY):
            return 1 << (self.dropped - 1)
        return (1 << self.dropped) - 1 if self.rounding is Rounding.UP else 0

    @property
    def _increments(self) -> bool:
        away = self.rounding in (Rounding.NEAREST_AWAY, Rounding.TOWARD_ZERO)
        return away and not self.relu and self.dropped > 0

    def steps(self, plan: Plan, name: str, value: Wire, ends: Interval) -> Wire:
        """The result's code, for an integer in the interval ``ends`` with the constant added."""
        if self._increments:
            return requantize(
                plan,
                value,
                self.fraction_width,
                self.result.fraction_width,
                (self.result.minimum, self.result.maximum),
                rounding=self.rounding,
                saturate=self.saturate,
            )
        low, high = self._scaled(ends)
        shape = _shape(low, high)
        ties = self.rounding is Rounding.NEAREST_EVEN
        merges = self.dropped > 0 and (ties or self.rounding is Rounding.TO_ODD)

        def drop(v: Any) -> Any:
            if self.dropped <= 0:
                return v.shift_left(-self.dropped)
            bits = _extended(v, max(len(v), self.dropped + 2))
            if not merges:
                return v.shift_right(self.dropped)
            rest = bits[: self.dropped].any()
            lowest = bits[self.dropped] & rest if ties else bits[self.dropped] | rest
            whole = Cat(lowest, bits[self.dropped + 1 :])
            return whole.as_signed() if v.shape().signed else whole

        # Rounding up from the end of the interval stays within it: that end is even.
        using = Logic(1 + self.dropped // 4, 1 + self.dropped // 3) if merges else Wiring()
        rounded = plan.step(f"{name}_rounded", shape, drop, value, using=using, wrap=True)
        return self._ranged(plan, f"{name}_code", rounded, (low, high))

    def _scaled(self, ends: Interval) -> Interval:
        low, high = ends
        if self.dropped <= 0:
            return low << -self.dropped, high << -self.dropped
        low, high = low >> self.dropped, high >> self.dropped
        if self.rounding is Rounding.NEAREST_EVEN:
            low &= ~1
        return (low, high | 1) if self.rounding is Rounding.TO_ODD else (low, high)

    def _ranged(self, plan: Plan, name: str, value: Wire, ends: Interval) -> Wire:
        result, (low, high) = self.result, ends
        width, magnitude = result.width, result.width - result.signed
        zero_below = low < 0 and (self.relu or (self.saturate and not result.signed))
        above = self.saturate and high > result.maximum
        below = self.saturate and low < result.minimum and not zero_below

        def choose(v: Any) -> Any:
            bits = _extended(v, max(len(v), width + 1))
            sign = bits[-1] if low < 0 else Const(0, 1)
            code: Any = bits[:width]
            if above:
                code = Mux(~sign & bits[magnitude:].any(), Const(result.maximum, width), code)
            if below:
                under = sign & ~bits[magnitude:].all()
                code = Mux(under, Const(1 << (width - 1), width), code)
            return Mux(sign, Const(0, width), code) if zero_below else code

        levels = 2 * (above or below) + zero_below
        using = Logic(levels, width * (1 + (above or below))) if levels else Wiring()
        shape = signed(width) if result.signed else unsigned(width)
        return plan.step(name, shape, choose, value, using=using, wrap=True)


def _sum(
    adder: MatrixAdder, truncate: tuple[int, int], fold: Fold, facts: AdderFacts, shape: Shape
) -> Any:
    """The adder as an expression: low bits that pass, and the sum of the rest."""
    passed = facts.passed

    def function(left: Any, right: Any) -> Any:
        a = _aligned(left, truncate[0], adder.left.shift, fold.left, facts.left)
        b = _aligned(right, truncate[1], 0, fold.right, facts.right)
        upper_a, upper_b = (_moved(operand, -passed) for operand in (a, b))
        if adder.left.negative:
            upper_a, upper_b = upper_b, upper_a
        if adder.left.negative or adder.right.negative:
            total = upper_a + ~_signed(upper_b) if fold.carry else upper_a - upper_b
        else:
            total = upper_a - ~_signed(upper_b) if fold.carry else upper_a + upper_b
        if not passed:
            return total
        # One of the two is zero here, and the other is not negated. The constant extends both.
        low = (a | b | Const(0, signed(passed + 1)))[:passed]
        whole = Cat(low, total[: max(0, shape.width - passed)])
        return whole.as_signed() if shape.signed else whole

    return function


def _wired(node: tuple[int, int, int], shift: int, negative: bool, addend: int) -> Any:
    low, high, _, constant = output_site(node, shift, negative)

    def function(value: Any) -> Any:
        if negative:
            value = ~_signed(value)
        return _aligned(value, 0, shift, addend + constant, (low, high))

    return function


def _aligned(value: Any, truncate: int, shift: int, constant: int, ends: Interval) -> Any:
    """An operand shifted into place, with a constant added by wiring alone."""
    value = Value.cast(value)
    kept = _moved(_moved(value, -truncate), truncate + shift)
    if not constant:
        return kept
    low, high = ends
    width = width_of_range(low, high)
    bits = _extended(kept, width)
    # Where the constant has ones below its top, the value has zeros.
    top = constant >> width << width
    rest = constant - top
    if low < 0:
        fill = rest & ((1 << (width - 1)) - 1)
        if constant != fill:
            # v + 2^(W-1) is v with its sign bit inverted, and is not negative.
            whole = Cat(bits[: width - 1], ~bits[width - 1])
            return _cat(whole | Const(fill, width), Const(*_sized(top >> width)))
        return (bits | Const(fill, width)).as_signed()
    whole = bits | Const(rest, width)
    return _cat(whole, Const(*_sized(top >> width))) if top else whole


def _moved(value: Any, places: int) -> Any:
    """Shifted up, or down if ``places`` is negative; itself, and no expression, by none."""
    if not places:
        return value
    return value.shift_left(places) if places > 0 else value.shift_right(-places)


def _cat(low: Any, high: Any) -> Any:
    """The bits of ``high`` above those of ``low``, signed if ``high`` is."""
    high = Value.cast(high)
    whole = Cat(low, high)
    return whole.as_signed() if high.shape().signed else whole


def _extended(value: Any, width: int) -> Any:
    """The lowest ``width`` bits, sign-extended if there are fewer."""
    value = Value.cast(value)
    sign: Any = value[-1] if value.shape().signed and len(value) else Const(0, 1)
    whole: Any = Cat(value, sign.replicate(max(width - len(value), 0)))
    return whole[:width]


def _signed(value: Any) -> Any:
    """The same number in a signed shape."""
    value = Value.cast(value)
    return value if value.shape().signed else Cat(value, Const(0, 1)).as_signed()


def _sized(number: int) -> tuple[int, Shape]:
    low = min(number, -1)
    return number, signed(width_of_range(low, max(number, 0)))


def _shape(low: int, high: int) -> Shape:
    width = width_of_range(low, high)
    return signed(width) if low < 0 else unsigned(width)
