"""Quantised activations as thresholds: result = base + the number of thresholds that x reaches.

Any non-decreasing function with few values is such a staircase, so scale, batch normalisation,
activation and rounding become one step, exactly (Umuroglu et al., "FINN", 2017; the operator
MultiThreshold of QONNX). n bits need 2^n - 1 thresholds.

Two structures. *parallel* compares with all thresholds at once and counts. *search* is a binary
search, one comparison per bit of the count, each with the threshold that the bits found so far
select from the table; it takes the thresholds in ascending order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth import Array, Cat, Const, Mux, unsigned

from holigrail_hw import golden
from holigrail_hw.core import OperatorSpec, operator, parameter
from holigrail_hw.estimate.primitives import Adder, Comparator, Logic, Multiplexer
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl import reference
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

__all__ = ["Thresholds"]

_MOST = 1 << 12


@operator(
    "thresholds",
    summary="a staircase: how many thresholds a number reaches",
    references=(
        "Umuroglu et al., FINN: A Framework for Fast, Scalable Binarized Neural Network "
        "Inference, 2017",
        "Pappalardo et al., QONNX, 2022 (MultiThreshold)",
    ),
)
@dataclass(frozen=True, kw_only=True)
class Thresholds(OperatorSpec):
    """result = base + number of thresholds <= x.

    Constant thresholds come as one row per channel, chosen by the port ``channel``; without them
    they are ports t0, t1, ... in any order. Latency 0 without a clock request.
    """

    input: Format = parameter(
        parse("int12"), "format of x", samples=tuple(map(parse, ("uint6", "int1")))
    )
    result: Format = parameter(parse("uint4"), "format of the result", samples=(parse("int5"),))
    thresholds: tuple[tuple[int, ...], ...] | None = parameter(
        None,
        "rows of ascending thresholds, one per channel; ports if none",
        samples=(((-900, -17, 0, 0, 5, 88, 2047),), ((-5, 4, 9), (0, 1, 2), (-70, -60, 300))),
    )
    ports: int = parameter(7, "how many ports", low=1, high=255, samples=(1,))
    base: int = parameter(0, "the result below all thresholds", low=-(1 << 15), high=(1 << 15) - 1)
    structure: str = parameter("parallel", "how they are counted", choices=("parallel", "search"))

    def check(self) -> list[str]:
        for name in ("input", "result"):
            format = getattr(self, name)
            if not isinstance(format, FixedFormat) or format.fraction_width:
                return [f"{name} must be an integer format, not {format}"]
        assert isinstance(self.result, FixedFormat)
        wrong, result = [], self.result
        if result.width > 16:
            wrong.append(f"result must have at most 16 bits, not {result.width}")
        most = self.base + self._number
        if self.base < result.minimum or most > result.maximum:
            wrong.append(
                f"result must hold the base {self.base} and {self._number} more, "
                f"not only {result.minimum} to {result.maximum}"
            )
        if self.thresholds is None:
            if self.structure == "search":
                wrong.append("structure must be parallel for thresholds that are ports, not search")
            return wrong
        if len({len(row) for row in self.thresholds}) > 1 or not self._number:
            wrong.append("thresholds must be rows of one length, at least 1")
        elif sum(map(len, self.thresholds)) > _MOST:
            total = sum(map(len, self.thresholds))
            wrong.append(f"thresholds must be at most {_MOST} in all, not {total}")
        for index, row in enumerate(self.thresholds):
            if list(row) != sorted(row):
                wrong.append(f"thresholds must be in ascending order, not as in row {index}")
        return wrong

    @property
    def _number(self) -> int:
        return self.ports if self.thresholds is None else len(self.thresholds[0])

    def inputs(self) -> dict[str, Format]:
        ports = {"x": self.input}
        if self.thresholds is None:
            ports |= {f"t{index}": self.input for index in range(self.ports)}
        elif len(self.thresholds) > 1:
            ports["channel"] = FixedFormat((len(self.thresholds) - 1).bit_length(), signed=False)
        return ports

    def outputs(self) -> dict[str, Format]:
        return {"result": self.result}

    def golden(self, x: Any, **codes: Any) -> dict[str, Any]:
        """Channels beyond the table have the last row's thresholds."""
        format = self.input
        value = golden.integers(x, format.width, signed=format.signed)
        if self.thresholds is None:
            rows: Any = np.stack(
                [
                    golden.integers(codes[f"t{index}"], format.width, signed=format.signed)
                    for index in range(self.ports)
                ],
                axis=-1,
            )
        else:
            table = np.array(self.thresholds, dtype=object)
            channel = np.asarray(codes.get("channel", np.zeros(np.shape(x), np.int64)))
            rows = table[np.minimum(channel.astype(np.int64), len(table) - 1)]
        y = self.base + golden.count_thresholds(value, rows)
        return {"result": (y & ((1 << self.result.width) - 1)).astype(np.uint64)}

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]]:
        """Every threshold compared, of every channel, and the hits of the asked one counted."""

        def hits(row: Any, x: Any) -> Any:
            return sum((x >= threshold for threshold in row), Const(self.base))

        def answer(plan: Plan, x: Any, channel: Any = None, **ports: Any) -> dict[str, Any]:
            if self.thresholds is None:
                return {"result": hits([ports[f"t{index}"] for index in range(self.ports)], x)}
            # Channels beyond the table have the last row's thresholds.
            y = hits(self.thresholds[-1], x)
            for index, row in enumerate(self.thresholds[:-1]):
                y = Mux(channel == index, hits(row, x), y)
            return {"result": y + Const(0, self.result.width)}

        return reference.circuit(self.inputs(), self.outputs(), answer)

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        if self.structure == "search":
            count = self._search(plan, wires["x"], wires.get("channel"))
        else:
            count = self._parallel(plan, **wires)
        shape, base = shape_of(self.result), self.base
        using = Adder(self.result.width) if base else None
        return {
            "result": plan.step("result", shape, lambda c: c + base, count, using=using, wrap=True)
        }

    def _parallel(self, plan: Plan, x: Wire, channel: Wire | None = None, **ports: Wire) -> Wire:
        terms = []
        for index in range(self._number):
            threshold = ports.get(f"t{index}")
            if threshold is None:
                threshold = self._entry(plan, f"threshold{index}", [index], channel, [])
            terms.append(
                plan.step(
                    f"reached{index}",
                    1,
                    lambda x, t: x >= t,
                    x,
                    threshold,
                    using=Comparator(x.width),
                )
            )
        while len(terms) > 1:
            groups = [terms[start : start + 2] for start in range(0, len(terms), 2)]
            terms = [group[0] if len(group) < 2 else _sum(plan, group) for group in groups]
        return terms[0]

    def _search(self, plan: Plan, x: Wire, channel: Wire | None) -> Wire:
        """Bit by bit from the top: the count has it set if x reaches the threshold of that count.

        A count beyond the number of thresholds is reached by nothing.
        """
        bits: list[Wire] = []
        levels = self._number.bit_length()
        for level in reversed(range(levels)):
            found = len(bits)
            indices = [((prefix << 1 | 1) << level) - 1 for prefix in range(1 << found)]
            threshold = self._entry(plan, f"threshold_bit{level}", indices, channel, bits)
            bits.insert(
                0,
                plan.step(
                    f"bit{level}",
                    1,
                    lambda x, t: x >= t,
                    x,
                    threshold,
                    using=Comparator(x.width + 1),
                ),
            )
        return plan.step("count", unsigned(levels), lambda *b: Cat(*b), *bits)

    def _entry(
        self, plan: Plan, name: str, indices: list[int], channel: Wire | None, bits: list[Wire]
    ) -> Wire:
        """The threshold that channel and bits, lowest first, select among those at ``indices``.

        One that no number reaches is one above the greatest of x.
        """
        assert self.thresholds is not None and isinstance(self.input, FixedFormat)
        low, high = self.input.minimum, self.input.maximum + 1
        shape = FixedFormat(self.input.width + 1, signed=self.input.signed)

        def clipped(row: tuple[int, ...], index: int) -> int:
            return max(low, min(row[index], high)) if index < len(row) else high

        table = [[clipped(row, index) for index in indices] for row in self.thresholds]
        if channel is None and not bits:
            return plan.constant(table[0][0], shape_of(shape))
        entries = [Const(value, shape_of(shape)) for row in table for value in row]

        def select(*operands: Any) -> Any:
            chosen = list(operands)
            row: Any = chosen.pop(0) if channel is not None else Const(0, 1)
            last = len(table) - 1
            row = Mux(row > last, last, row)
            prefix = Cat(*chosen) if chosen else Const(0, 1)
            return Array(entries)[row * len(indices) + prefix]

        operands = [*([channel] if channel is not None else []), *bits]
        using = Multiplexer(shape.width, max(2, -(-len(entries) // 16)))
        return plan.step(name, shape_of(shape), select, *operands, using=using, wrap=True)


def _sum(plan: Plan, group: list[Wire]) -> Wire:
    width = max(wire.width for wire in group) + 1
    # Two single bits are counted without a carry chain.
    using = Adder(width) if width > 2 else Logic(1, 2)
    return plan.step("reached", width, lambda a, b: a + b, *group, using=using)
