# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false

"""A tensor element whose ports are words, as an array wires them."""

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Shape, Value

from holigrail_hw.core import Timing
from holigrail_hw.estimate.primitives import device_model
from holigrail_hw.formats import FixedFormat, Format
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

from .element import TensorElement

__all__ = ["BundledElement"]


@dataclass(frozen=True)
class BundledElement:
    """An element whose ports are words: ``a`` the activations, ``b`` the weights and their
    metadata, ``sum`` the sums, each in the order of the operator's ports."""

    element: TensorElement

    @property
    def a(self) -> Format:
        return FixedFormat(sum(f.width for f in self._fields("a").values()), False, 0)

    @property
    def b(self) -> Format:
        return FixedFormat(sum(f.width for f in self._fields("wi").values()), False, 0)

    @property
    def accumulator(self) -> Format:
        return FixedFormat(sum(f.width for f in self.element.outputs().values()), False, 0)

    def _fields(self, initials: str) -> dict[str, Format]:
        return {n: f for n, f in self.element.inputs().items() if n[0] in initials}

    def plan(self, timing: Timing | None = None) -> Plan:
        timing = timing or Timing()

        def datapath(plan: Plan, a: Wire, b: Wire, clear: Wire) -> dict[str, Wire]:
            wires: dict[str, Wire] = {}
            for bundle, initials in ((a, "a"), (b, "wi")):
                start = 0
                for name, format in self._fields(initials).items():
                    shape = Shape.cast(shape_of(format))
                    wires[name] = plan.step(name, shape, _slice(start, shape), bundle)
                    start += shape.width
            sums = self.element.datapath(plan, clear=clear, **wires).values()
            return {"result": plan.step("sums", shape_of(self.accumulator), _joined, *sums)}

        return Plan(
            {"a": shape_of(self.a), "b": shape_of(self.b), "clear": 1},
            {"result": shape_of(self.accumulator)},
            datapath,
            device=device_model(timing.device),
            period_ns=timing.period_ns,
        )


def _joined(*values: Any) -> Value:
    return Cat(*values)


def _slice(start: int, shape: Shape) -> Any:
    def part(bundle: Any) -> Value:
        bits = bundle[start : start + shape.width]
        return bits.as_signed() if shape.signed else bits

    return part
