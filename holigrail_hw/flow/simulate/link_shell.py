# Amaranth is untyped: its signatures look wrong to a type checker.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

"""The hardware around an engine that a host drives: the link, and a serial port."""

from typing import Any

from amaranth import Module, ResetInserter, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing
from holigrail_hw.formats import parse
from holigrail_hw.hdl.stream.link.stream_link import StreamLink
from holigrail_hw.hdl.stream.uart import UartReceiver, UartTransmitter

from ..top import Handshake, Port, Top
from .link_protocol import digest

__all__ = ["DEPTH", "LinkShell", "LinkTop", "LinkedDesign"]

# Items of each queue. One-byte items keep a line of 115200 baud busy while a USB adapter holds
# bytes back for 16 ms.
DEPTH = 256
# With longer periods the delay of a memory is none that counts.
_SLOW_NS = 20.0


class LinkedDesign(wiring.Component):
    """An engine behind the link.

    Members
    -------
    i : In, stream of bytes from the host; taken at once
    o : Out, stream of bytes to the host
    """

    def __init__(self, spec: OperatorSpec, timing: Timing, depth: int = DEPTH):
        self._spec, self._depth = spec, depth
        self._registered = timing.period_ns is not None and timing.period_ns < _SLOW_NS
        self._design = spec.component(timing)
        super().__init__(
            {
                "i": In(stream.Signature(8, always_ready=True)),
                "o": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        streams = self._spec.streams()
        widths = {
            way: {name: s.width for name, s in streams.items() if s.direction == way}
            for way in ("in", "out")
        }
        m.submodules.link = link = StreamLink(
            widths["in"],
            widths["out"],
            digest=digest(self._spec),
            depth=self._depth,
            registered=self._registered,
        )
        m.submodules.design = design = ResetInserter(link.reset)(self._design)
        wiring.connect(m, wiring.flipped(self.i), link.i)
        wiring.connect(m, link.o, wiring.flipped(self.o))
        for name in streams:
            inner = getattr(design, name)
            if name in widths["in"]:
                outer = getattr(link, f"to_{name}")
                m.d.comb += [Value.cast(inner.payload).eq(outer.payload)]
                m.d.comb += [inner.valid.eq(outer.valid), outer.ready.eq(inner.ready)]
            else:
                outer = getattr(link, f"from_{name}")
                m.d.comb += [outer.payload.eq(Value.cast(inner.payload))]
                m.d.comb += [outer.valid.eq(inner.valid), inner.ready.eq(outer.ready)]
        return m


class LinkShell(wiring.Component):
    """An engine behind the link and a serial port.

    Members
    -------
    rx : In(1), serial line from the host
    tx : Out(1), serial line to the host
    """

    latency, interleave = None, 1

    def __init__(self, spec: OperatorSpec, timing: Timing, divisor: int, depth: int = DEPTH):
        self._design, self._divisor = LinkedDesign(spec, timing, depth), divisor
        super().__init__({"rx": In(1), "tx": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self._divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self._divisor)
        m.submodules.linked = linked = self._design
        m.d.comb += [receiver.line.eq(self.rx), self.tx.eq(transmitter.line)]
        wiring.connect(m, receiver.o, linked.i)
        wiring.connect(m, linked.o, transmitter.i)
        return m


class _ThroughSerialLine(wiring.Component):
    """The whole shell with a host's serial port at the other end of the line."""

    def __init__(self, shell: LinkShell, divisor: int):
        self._shell, self._divisor = shell, divisor
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.shell = shell = self._shell
        m.submodules.transmitter = transmitter = UartTransmitter(self._divisor)
        m.submodules.receiver = receiver = UartReceiver(self._divisor)
        wiring.connect(m, wiring.flipped(self.i), transmitter.i)
        m.d.comb += [
            shell.rx.eq(transmitter.line),
            receiver.line.eq(shell.tx),
            self.o.valid.eq(receiver.o.valid),
            self.o.payload.eq(receiver.o.payload),
        ]
        return m


class LinkTop(Top):
    """A linked engine for the simulator: a stream of bytes ``i``, and one ``o``.

    Parameters
    ----------
    divisor : int or None
        Through a serial line with so many cycles per bit; at full speed without it.
    """

    # The link resets the design by a reset that is inserted.
    shares = False

    def __init__(
        self,
        spec: OperatorSpec,
        timing: Timing,
        *,
        depth: int = DEPTH,
        divisor: int | None = None,
    ):
        self.depth, self.divisor = depth, divisor
        super().__init__(spec, timing, f"{spec.top_name(timing)}_link")
        self.engine = self.stream = True

    def component(self) -> Any:
        if self.divisor is None:
            return _BytePorts(LinkedDesign(self.spec, self.timing, self.depth))
        shell = LinkShell(self.spec, self.timing, self.divisor, self.depth)
        return _BytePorts(_ThroughSerialLine(shell, self.divisor))

    def handshakes(self) -> list[Handshake]:
        return [
            Handshake("i", "in", tuple(self.inputs())),
            Handshake("o", "out", tuple(self.outputs())),
        ]

    def inputs(self) -> list[Port]:
        return [Port("i_byte", "in", 8, parse("uint8"), "byte")]

    def outputs(self) -> list[Port]:
        return [Port("o_byte", "out", 8, parse("uint8"), "byte")]


class _BytePorts(wiring.Component):
    """Streams of bytes as plain ports."""

    def __init__(self, inner: Any):
        self._inner = inner
        super().__init__(
            {
                **{"i_byte": In(8), "i_valid": In(1), "i_ready": Out(1)},
                **{"o_byte": Out(8), "o_valid": Out(1), "o_ready": In(1)},
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.inner = inner = self._inner
        m.d.comb += [
            inner.i.payload.eq(self.i_byte),
            inner.i.valid.eq(self.i_valid),
            self.i_ready.eq(inner.i.ready),
            self.o_byte.eq(inner.o.payload),
            self.o_valid.eq(inner.o.valid),
        ]
        if not inner.o.signature.always_ready:
            m.d.comb += inner.o.ready.eq(self.o_ready)
        return m
