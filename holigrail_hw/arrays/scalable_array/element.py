# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false, reportOptionalSubscript=false, reportOperatorIssue=false

"""Elements of a precision-scalable array: a dot product of ``depth`` words and a sum.

Three ways to put products of several precisions together:

- *element* (BitFusion, Sharma et al., 2018): every word pair has a unit of its own with all that
  places its products, a divided one of :mod:`holigrail_hw.arith.scalable_mac`;
- *column* (BitBlade, Ryu et al., 2019): bricks of one kind of all word pairs are added first, and
  their sums shifted and added once. Operands come brick by brick: what a mode repeats is repeated
  at the edge of the array, once for a row or a column of elements;
- *serial* (Loom, Sharify et al., 2018): ANDs and a count of ones per pair of digits, which suits
  look-up tables; words are digits of ``depth`` operands, and the mode is how many there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Value

from holigrail_hw.arith.scalable_mac.bricks import allot
from holigrail_hw.arith.scalable_mac.conditions import Conditions
from holigrail_hw.arith.scalable_mac.operator import ScalableMac
from holigrail_hw.arith.scalable_mac.partial_products import ProductArray
from holigrail_hw.arith.scalable_mac.together import accumulated
from holigrail_hw.core import Timing
from holigrail_hw.estimate.primitives import device_model
from holigrail_hw.formats import FixedFormat, Format
from holigrail_hw.hdl.integer.bit_heap import Heap
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

from .shared import brick_sums, shifted_heap
from .slots import word_slots

__all__ = ["ScalableElement"]

# A period that nothing meets: every step gets a cycle of its own.
_LEAST_NS = 0.01


@dataclass(frozen=True)
class ScalableElement:
    """An element whose ports are words: operands of ``depth`` pairs, then what steers them.

    ``a`` holds the words of activations, the mode, and the marks of serial digits, in this order;
    ``b`` the words of weights.
    """

    unit: ScalableMac
    depth: int
    placing: str

    @property
    def word_widths(self) -> tuple[int, int]:
        """Bits of a word of activations and of weights, as elements pass them on."""
        if self.placing != "column":
            return self.unit.port_widths
        spec = self.unit
        bits = (spec.width >> spec.levels) << 2 * spec.levels
        return bits, bits

    @property
    def words(self) -> int:
        """Words of an operand: those of a serial element hold digits of all pairs."""
        return 1 if self.placing == "serial" else self.depth

    @property
    def steering(self) -> dict[str, int]:
        """What comes with the activations, with its width."""
        found = {"mode": self.unit.mode_width} if self.unit.mode_width else {}
        for name in ("top_activation", "top_weight", "advance"):
            if name in self.unit.inputs():
                found[name] = 1
        return found

    @property
    def a(self) -> Format:
        width = self.words * self.word_widths[0] + sum(self.steering.values())
        return FixedFormat(width, False, 0)

    @property
    def b(self) -> Format:
        return FixedFormat(self.words * self.word_widths[1], False, 0)

    @property
    def accumulator(self) -> Format:
        return self.unit.outputs()["result"]

    def plan(self, timing: Timing | None = None) -> Plan:
        """The datapath for a clock; where its loop misses the period narrowly, the fastest one."""
        timing = timing or Timing()
        plan = self._plan(timing, timing.period_ns)
        if timing.period_ns is None or plan.promise_ns <= timing.period_ns:
            return plan
        fastest = self._plan(timing, _LEAST_NS)
        return fastest if fastest.promise_ns <= timing.period_ns else plan

    def _plan(self, timing: Timing, period_ns: float | None) -> Plan:
        return Plan(
            {"a": shape_of(self.a), "b": shape_of(self.b), "clear": 1},
            {"result": shape_of(self.accumulator)},
            self._datapath,
            device=device_model(timing.device),
            period_ns=period_ns,
        )

    def _datapath(self, plan: Plan, a: Wire, b: Wire, clear: Wire) -> dict[str, Wire]:
        left, right = (
            [
                plan.step(f"{name}{index}", width, _part(index * width, width), bundle)
                for index in range(self.words)
            ]
            for name, width, bundle in zip(
                ("activation", "weight"), self.word_widths, (a, b), strict=True
            )
        )
        steering, start = {}, self.words * self.word_widths[0]
        for name, width in self.steering.items():
            steering[name] = plan.step(name, width, _part(start, width), a)
            start += width
        if self.placing == "serial":
            given = {"activation": left[0], "weight": right[0], **steering}
            return dict(self.unit.datapath(plan, clear=clear, **given))
        modes = Conditions(plan, steering.get("mode"), len(self.unit.mode_list))
        make = self._columns if self.placing == "column" else self._elements
        heap = make(plan, left, right, modes)
        return {"result": accumulated(plan, heap, clear, "product")}

    def _elements(
        self, plan: Plan, left: Sequence[Wire], right: Sequence[Wire], modes: Conditions
    ) -> Heap:
        """The heaps of all units as one."""
        spec = self.unit
        width, chunk = spec.result_width, spec.width >> spec.levels
        signs = spec.signed_activations, spec.signed_weights
        bricks = allot(spec.packings, chunk)
        everywhere = [[range(width)]] * len(spec.mode_list)
        heaps = [
            ProductArray(plan, words, signs, modes, chunk).heap(bricks, width, everywhere)
            for words in zip(left, right, strict=True)
        ]
        columns = []
        for parts in zip(*(heap.columns for heap in heaps), strict=True):
            here = [part for part in parts if part is not None]
            size = sum(part.width for part in here)
            columns.append(plan.step("column", size, _joined, *here) if here else None)
        return Heap(tuple(columns))

    def _columns(
        self, plan: Plan, left: Sequence[Wire], right: Sequence[Wire], modes: Conditions
    ) -> Heap:
        """Sums of bricks of one kind, shifted by mode."""
        spec = self.unit
        signs = spec.signed_activations, spec.signed_weights
        slots = [word_slots(spec.width, spec.levels, mode) for mode in spec.mode_list]
        sums = brick_sums(plan, left, right, signs, modes, slots, spec.width >> spec.levels)
        return shifted_heap(plan, sums, modes, slots, spec.result_width)


def _part(start: int, width: int) -> Any:
    return lambda bundle: Value.cast(bundle)[start : start + width]


def _joined(*values: Any) -> Value:
    return Cat(*values)
