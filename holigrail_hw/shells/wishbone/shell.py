"""Any operator with streams behind the registers of a Wishbone slave.

Wishbone B4 (OpenCores, 2010), classic cycles, a 32-bit port with byte selects; addresses count
words. :mod:`.register_map` says which register is where.

An item enters the hardware when all its bytes have been written, and is removed when all its bytes
have been read, in any order and any number of accesses (``sel``); bytes without a field do not
count. If a byte is written twice, the last value counts. Writing 1 to bit 1 of a status forgets the
bytes moved so far.

If a byte cannot be moved yet, the slave delays its answer with wait states, but by no more than
``wait_cycles`` cycles: then it answers with ``err``, nothing has been moved, and bit 2 of the
stream's status is 1 until a 1 is written there. So a host that writes more than the hardware can
take before reading results finds out, and the bus is free for others. A host that must not wait
checks bit 0 of the status first. Every other access is answered with ``ack``: what cannot be read
is 0, what cannot be written does not change. An answer takes two cycles. An access takes effect in
the cycle of its ``ack``: a master that gives up earlier has moved nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from holigrail_hw.core.packing import Bits, code_bits, padding
from holigrail_hw.core.shell_registry import shell
from holigrail_hw.core.shelled import Shelled
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

from ..base import Shell
from ..ports import BUS, EnginePorts
from .c_header import header
from .driver import Driven, Driver
from .register_map import BYTES, WORD, Register, register_map
from .slave import WAIT_CYCLES, Slave, WishboneSignature

__all__ = ["Wishbone", "WishboneRegisters"]


@dataclass(frozen=True, kw_only=True)
class Wishbone(Shelled):
    """The Wishbone view of another specification.

    Benches see the streams of the specification: a bus master attached to the slave moves them.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        # A word takes about ten bus cycles, with polls of all streams in between.
        beats = len(self.registers())
        object.__setattr__(self, "quiet_cycles", self.quiet_cycles + 40 * beats)

    def registers(self) -> list[Register]:
        """The registers with their addresses."""
        return register_map(self.inner_streams())

    def layout(self) -> list[Bits]:
        """What the bits of every register that moves items hold."""
        found: list[Bits] = []
        for register in self.registers():
            if register.word is None:
                continue
            name, free = register.name, 0
            for one in register.pieces:
                holds, end = one.field, one.field_low + one.width
                if one.width < one.format.width:
                    holds += f"[{end - 1}:{one.field_low}]"
                found.append(code_bits(name, holds, one.format, one.low, one.width))
                free = one.low + one.width
            found += padding(name, register.direction, free, WORD)
        return found

    @property
    def wait_cycles(self) -> int:
        """The longest wait of an access, in cycles."""
        asked = self.timing.wait_cycles
        return WAIT_CYCLES if asked is None else asked

    @property
    def signature(self) -> WishboneSignature:
        """The bus."""
        return WishboneSignature((len(self.registers()) - 1).bit_length())

    def architecture(self, timing: Timing) -> Any:
        """The slave: a component with the member ``bus``, and no streams of its own."""
        return Slave(self.inner_component(), self.inner_streams(), self.signature, self.wait_cycles)


@shell
class WishboneRegisters(Shell):
    """Streams as registers; in benches a master attached to the slave moves them."""

    name: ClassVar[str] = "wishbone"
    has_bus: ClassVar[bool] = True
    may_wait: ClassVar[bool] = True

    def view(self, spec: OperatorSpec, timing: Timing) -> Wishbone:
        return Wishbone(inner=spec, timing=timing)

    def handed_over(self, view: Wishbone, timing: Timing, part: str) -> EnginePorts:
        if part == "driven":
            return EnginePorts(Driven(view), view.streams())
        if part == "slave":
            return EnginePorts(view.component(), {}, bus=view.signature.flip())
        return EnginePorts(Driver(view), view.streams(), bus=view.signature)

    def bus(self, view: Wishbone, part: str) -> Mapping[str, Any]:
        if part == "driven":
            return {}
        signature = view.signature.flip() if part == "slave" else view.signature
        return {f"{BUS}_{name}": member for name, member in signature.members.items()}

    def layout(self, view: Wishbone) -> list[Bits]:
        return view.layout()

    def registers(self, view: Wishbone) -> list[dict[str, Any]]:
        return [one.as_dict() for one in view.registers()]

    def places(self, view: Wishbone) -> list[str]:
        """Addresses in bytes."""
        words = [one for one in view.registers() if one.word is not None]
        return [f"0x{BYTES * one.address:x}" for one in words]

    def pace(self, view: Wishbone) -> str:
        return "registers on a Wishbone bus"

    def files(self, view: Wishbone, top: str) -> dict[str, str]:
        return {f"{top}.h": header(top, view)}
