# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false, reportArgumentType=false, reportAttributeAccessIssue=false

"""Plain ports with fixed latency; an engine keeps its own streams."""

from typing import Any, ClassVar

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core.shell_registry import shell
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.hdl.shapes import shape_of

from ..base import Shell

__all__ = ["FixedLatency", "Plain"]


@shell
class Plain(Shell):
    """The operator's own ports."""

    name: ClassVar[str] = "plain"

    def wrapped(self, spec: OperatorSpec, timing: Timing) -> Any:
        return FixedLatency(spec, timing) if spec.planned else spec.architecture(timing)

    def handed_over(self, view: Any, timing: Timing, part: str) -> Any:
        if view.planned:
            return FixedLatency(view, timing)
        return super().handed_over(view, timing, part)


class FixedLatency(wiring.Component):
    """An operator as plain ports; outputs follow inputs by ``latency`` cycles.

    Members
    -------
    one ``In`` port per input and one ``Out`` port per output of the operator
    """

    def __init__(self, spec: OperatorSpec, timing: Timing):
        self._plan = spec.plan(timing)
        self.latency = self._plan.latency
        self.interleave = self._plan.interleave
        self.clock = spec.clock_of(self._plan, timing)
        super().__init__(
            {name: In(shape_of(format)) for name, format in spec.inputs().items()}
            | {name: Out(shape_of(format)) for name, format in spec.outputs().items()}
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self._plan
        plan.add_to(m)
        m.d.comb += plan.valid.eq(1)
        m.d.comb += [signal.eq(getattr(self, n)) for n, signal in plan.inputs.items()]
        m.d.comb += [getattr(self, n).eq(signal) for n, signal in plan.outputs.items()]
        return m
