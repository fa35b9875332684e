"""The top module that every verb hands over: its name, ports, latency and clocking.

The plain shell has the operator's own ports; the stream shell has ``i_valid``, ``i_ready``,
``o_valid``, ``o_ready``, the operands as ``i_NAME`` and the results as ``o_NAME``. Both have
``clk`` and ``rst`` if there is any register.
"""

import re
from dataclasses import dataclass
from typing import Any

from ..core.shells import FixedLatency, StreamPorts
from ..core.spec import OperatorSpec
from ..core.timing import Timing
from ..formats import Format

__all__ = ["CLOCK", "RESET", "Port", "Top"]

CLOCK, RESET = "clk", "rst"


@dataclass(frozen=True)
class Port:
    """One port of the top module; ``operand`` is the operator's own name for it, if it has one."""

    name: str
    direction: str
    width: int
    format: Format | None = None
    operand: str | None = None


class Top:
    """The top module for an operator and a timing request.

    Attributes
    ----------
    name : str
    latency : int
        Cycles from an item to its result, without stalls.
    interleave : int
        How many independent sums an accumulator holds.
    stream : bool
        Whether the shell has valid and ready.
    clocked : bool
        Whether there are a clock and a reset.
    rtlil : str
        The design as RTLIL without source positions; the same request gives the same text.

    Raises
    ------
    RequestError
        If the timing request cannot be met.
    """

    def __init__(self, spec: OperatorSpec, timing: Timing | None = None, name: str | None = None):
        from amaranth.back import rtlil

        self.spec, self.timing = spec, timing or Timing()
        self.name = name or spec.top_name(self.timing)
        self.stream = self.timing.shell == "stream"
        component = self.component()
        self.latency, self.interleave = component.latency, component.interleave
        self.rtlil = rtlil.convert(component, name=self.name, emit_src=False)
        clock = rf"^ *wire .*input +\d+ +\\{CLOCK}$"
        self.clocked = re.search(clock, self.rtlil, re.M) is not None

    def component(self) -> Any:
        """A fresh component; Amaranth elaborates each one once."""
        return (StreamPorts if self.stream else FixedLatency)(self.spec, self.timing)

    def inputs(self) -> list[Port]:
        """Operand ports, in the operator's order."""
        prefix = "i_" if self.stream else ""
        return [
            Port(f"{prefix}{name}", "in", format.width, format, name)
            for name, format in self.spec.inputs().items()
        ]

    def outputs(self) -> list[Port]:
        """Result ports, in the operator's order."""
        prefix = "o_" if self.stream else ""
        return [
            Port(f"{prefix}{name}", "out", format.width, format, name)
            for name, format in self.spec.outputs().items()
        ]

    def ports(self) -> list[Port]:
        """Every port of the module: clock and reset, then operands, results and handshakes."""
        control = [Port(CLOCK, "in", 1), Port(RESET, "in", 1)] if self.clocked else []
        if not self.stream:
            return control + self.inputs() + self.outputs()
        source = [Port("i_valid", "in", 1), Port("i_ready", "out", 1), *self.inputs()]
        sink = [Port("o_valid", "out", 1), Port("o_ready", "in", 1), *self.outputs()]
        return control + source + sink
