"""The top module that every verb hands over: its name, ports, latency and clocking.

The plain shell has the operator's own ports; the stream shell has ``i_valid``, ``i_ready``,
``o_valid``, ``o_ready``, the operands as ``i_NAME`` and the results as ``o_NAME``. Both have
``clk`` and ``rst`` if there is any register; AXI4-Streams have them in any case. An engine has
``STREAM_valid``, ``STREAM_ready`` and ``STREAM_FIELD`` for each of its streams. A slave on a bus
has ``wb_NAME`` for each signal NAME of the bus; benches see its streams behind a master.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from holigrail_hw.core.identifiers import CLOCK, RESET, check_ports
from holigrail_hw.core.shell_registry import find_shell
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.formats import Format
from holigrail_hw.hdl.plan.collection import no_collection
from holigrail_hw.hdl.plan.sharing import Sharing

__all__ = ["CLOCK", "RESET", "Handshake", "Port", "Top"]


@dataclass(frozen=True)
class Port:
    """One port of the top module; ``operand`` is the operator's own name for it, if it has one."""

    name: str
    direction: str
    width: int
    format: Format | None = None
    operand: str | None = None


@dataclass(frozen=True)
class Handshake:
    """One stream of the top module: the ports of its payload, beside ``_valid`` and ``_ready``."""

    name: str
    direction: str
    payload: tuple[Port, ...]
    suffixes: tuple[str, str] = ("valid", "ready")

    @property
    def valid(self) -> str:
        """Name of the port that marks an item."""
        return f"{self.name}_{self.suffixes[0]}"

    @property
    def ready(self) -> str:
        """Name of the port that accepts it."""
        return f"{self.name}_{self.suffixes[1]}"

    def ports(self) -> list[Port]:
        """All its ports."""
        along, against = ("in", "out") if self.direction == "in" else ("out", "in")
        return [Port(self.valid, along, 1), Port(self.ready, against, 1), *self.payload]


class Top:
    """The top module for an operator and a timing request.

    Attributes
    ----------
    name : str
    asked, spec : OperatorSpec
        What was asked for, and how its shell shows it.
    engine : bool
        Whether the operator brings its own streams.
    latency : int
        Cycles from an item to its result, without stalls; 0 for an engine.
    interleave : int
        How many independent sums an accumulator holds.
    stream : bool
        Whether there are valid and ready.
    clocked : bool
        Whether there are a clock and a reset.
    part : str
        Of a slave on a bus: ``slave``, which is handed over, the bus ``master`` of its benches, or
        both together, ``driven``; empty without a bus.
    rtlil : str
        The design as RTLIL without source positions; the same request gives the same text.

    Raises
    ------
    RequestError
        If the timing request cannot be met, or a port must not have its name.
    """

    shares: ClassVar[bool] = True
    """Whether equal parts become one module; not where a reset is inserted around them."""

    def __init__(
        self,
        spec: OperatorSpec,
        timing: Timing | None = None,
        name: str | None = None,
        part: str = "slave",
    ):
        self.timing = timing or Timing()
        self.asked = spec
        self.shell = find_shell(self.timing.shell)
        self.spec = spec = self.shell.view(spec, self.timing)
        self.part = part if self.shell.has_bus else ""
        self.name = name or spec.top_name(self.timing)
        self.engine = not spec.planned
        self.stream = self.engine or self.timing.shell == "stream"
        named = self.payload() or self.inputs() + self.outputs()
        check_ports(spec.name, [port.name for port in named])
        component, sharing = self.component(), Sharing(self.name)
        self.latency = getattr(component, "latency", 0)
        self.interleave = getattr(component, "interleave", 1)
        self.rtlil = self._converted(component, sharing)
        self.clocked = _has_clock(self.rtlil)
        if self.shell.always_clocked and not self.clocked:
            # The interface has a clock and a reset, whether there is a register behind it or not.
            ports = self.shell.clocked(spec, self.timing, (CLOCK, RESET))
            self.rtlil, self.clocked = self._converted(ports, Sharing(self.name)), True

    def _converted(self, component: Any, sharing: Sharing) -> str:
        from amaranth.back import rtlil

        platform = sharing if self.shares else None
        with no_collection():
            whole = rtlil.convert(component, name=self.name, platform=platform, emit_src=False)
        return "\n".join([whole, *sharing.modules])

    def component(self) -> Any:
        """A fresh component; Amaranth elaborates each one once."""
        return self.shell.handed_over(self.spec, self.timing, self.part)

    def driven(self) -> "Top":
        """What benches run: the module itself, or a slave with a bus master in front of it."""
        if self.part != "slave":
            return self
        return Top(self.asked, self.timing, f"{self.name}_driven", "driven")

    def master(self) -> "Top | None":
        """The bus master for a slave, a module of its own; ``None`` without a bus."""
        if self.part != "slave":
            return None
        return Top(self.asked, self.timing, f"{self.name}_master", "master")

    def bus(self) -> list[Port]:
        """The ports on the side of the bus."""
        return [
            Port(name, member.flow.name.lower(), member.shape)
            for name, member in self.shell.bus(self.spec, self.part).items()
        ]

    def handshakes(self) -> list[Handshake]:
        """The streams of the module, in the order of the ports; none with plain ports."""
        if self.part == "slave":
            return []
        if self.engine:
            return [
                Handshake(
                    name,
                    stream.direction,
                    tuple(
                        Port(f"{name}_{field}", stream.direction, format.width, format, field)
                        for field, format in stream.fields.items()
                    ),
                    self.spec.handshake,
                )
                for name, stream in self.spec.streams().items()
            ]
        if not self.stream:
            return []
        return [
            Handshake("i", "in", tuple(self.inputs())),
            Handshake("o", "out", tuple(self.outputs())),
        ]

    def streams(self) -> list[Handshake]:
        """The same; plain ports are streams ``i`` and ``o``, without valid and ready."""
        if self.stream:
            return self.handshakes()
        ways = ("i", "in", self.inputs()), ("o", "out", self.outputs())
        return [Handshake(name, way, tuple(ports)) for name, way, ports in ways]

    def inputs(self) -> list[Port]:
        """Operand ports, in the operator's order."""
        prefix = "i_" if self.stream and not self.engine else ""
        return [
            Port(f"{prefix}{name}", "in", format.width, format, name)
            for name, format in self.spec.inputs().items()
        ]

    def outputs(self) -> list[Port]:
        """Result ports, in the operator's order."""
        prefix = "o_" if self.stream and not self.engine else ""
        return [
            Port(f"{prefix}{name}", "out", format.width, format, name)
            for name, format in self.spec.outputs().items()
        ]

    def payload(self) -> list[Port]:
        """The ports of operands and results, and of the handshakes that go with them."""
        if not self.stream:
            return self.inputs() + self.outputs()
        return [port for stream in self.handshakes() for port in stream.ports()]

    def ports(self) -> list[Port]:
        """Every port of the module: clock and reset, then operands, results and handshakes."""
        control = [Port(CLOCK, "in", 1), Port(RESET, "in", 1)] if self.clocked else []
        return control + self.payload() + self.bus()


def _has_clock(text: str) -> bool:
    """Whether the top module, as RTLIL, has the clock among its inputs."""
    return re.search(rf"^ *wire .*input +\d+ +\\{CLOCK}$", text, re.M) is not None
