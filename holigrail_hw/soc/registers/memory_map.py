"""Addresses and bits that firmware, hosts and hardware share."""

from dataclasses import dataclass

__all__ = ["CONTROL", "REGIONS", "SHOWN_DESCRIPTORS", "UART", "Block", "Part", "Region", "Register"]

SHOWN_DESCRIPTORS = 32
"""Descriptors whose cycles are kept, the latest ones, in a ring by their index."""


@dataclass(frozen=True)
class Part:
    """Bits of a register."""

    name: str
    low: int
    width: int
    meaning: str

    def get(self, word: int) -> int:
        """The number in a word."""
        return word >> self.low & (1 << self.width) - 1

    def put(self, value: int) -> int:
        """The bits of a word for a number."""
        return (value & (1 << self.width) - 1) << self.low


@dataclass(frozen=True)
class Register:
    """A word of 32 bits at ``offset`` bytes; ``count`` of them follow each other.

    ``access`` is *read*, *write* or *read-write*.
    """

    name: str
    offset: int
    access: str
    meaning: str
    parts: tuple[Part, ...] = ()
    count: int = 1

    def part(self, name: str) -> Part:
        """One of its parts."""
        return next(part for part in self.parts if part.name == name)


@dataclass(frozen=True)
class Block:
    """Registers at a base address."""

    name: str
    base: int
    meaning: str
    registers: tuple[Register, ...]

    def at(self, name: str) -> int:
        """The address of a register."""
        return self.base + self.register(name).offset

    def register(self, name: str) -> Register:
        """A register by its name."""
        return next(one for one in self.registers if one.name == name)


@dataclass(frozen=True)
class Region:
    """Where something starts in the memory map of the processor."""

    name: str
    base: int
    meaning: str


REGIONS = (
    Region("memory", 0x0000_0000, "programme and data of the processor"),
    Region("uart", 0x1000_0000, "serial line, timer, end of a simulation"),
    Region("scratchpad", 0x3000_0000, "activations, weights, parameters, tables, descriptors"),
    Region("control", 0x4000_0000, "the accelerator's registers"),
)

_STATUS = (
    Part("running", 0, 1, "a chain of descriptors is being done"),
    Part("loading", 1, 1, "a chain of loads is being done"),
    Part("done", 2, 1, "the latest chain has ended, well or not"),
    Part("error", 4, 4, "0, or why the latest chain ended early"),
    Part("engine_code", 8, 3, "with error 4, what the engine said"),
    Part("index", 16, 16, "with an error, which descriptor of the chain"),
)


def _counter(name: str, offset: int, meaning: str) -> Register:
    return Register(name, offset, "read", f"{meaning}, of the latest chain")


CONTROL = Block(
    "control",
    0x4000_0000,
    "the accelerator",
    (
        Register("start", 0, "write", "address of the first descriptor; starts the chain"),
        Register("status", 4, "read", "what goes on", _STATUS),
        Register(
            "interrupt",
            8,
            "read-write",
            "the interrupt line",
            (
                Part("enable", 0, 1, "the line may rise"),
                Part("pending", 1, 1, "a descriptor asked for it; write 1 to clear"),
            ),
        ),
        Register("stop", 12, "write", "1 resets engine, queues and errors"),
        Register("loader_start", 16, "write", "address of the first load; starts the chain"),
        Register("done_descriptors", 20, "read", "descriptors done since start, modulo 256"),
        Register("done_loads", 24, "read", "loads done since start, modulo 256"),
        Register("digest", 28, "read", "CRC-32 of the machine's sizes; images have it, too"),
        _counter("cycles", 32, "cycles"),
        _counter("activation_words", 36, "vectors read"),
        _counter("weight_words", 40, "words of weights read"),
        _counter("parameter_words", 44, "words of parameters read"),
        _counter("result_words", 48, "vectors written"),
        _counter("port_idle", 52, "cycles without an access of the engine"),
        _counter("engine_stalls", 56, "cycles in which the engine waited"),
        _counter("flash_wait", 60, "cycles in which a descriptor waited for a load"),
        Register(
            "descriptor_cycles",
            64,
            "read",
            "cycles of descriptor n of the latest chain, at n modulo the count",
            count=SHOWN_DESCRIPTORS,
        ),
    ),
)

UART = Block(
    "uart",
    0x1000_0000,
    "serial line and timer",
    (
        Register("data", 0, "read-write", "a byte to send, or the byte that came"),
        Register(
            "uart_status",
            4,
            "read",
            "the serial line",
            (
                Part("can_send", 0, 1, "a byte can be written"),
                Part("has_byte", 1, 1, "a byte can be read"),
            ),
        ),
        Register("timer", 8, "read", "cycles since reset, modulo 2^32"),
        Register("exit", 12, "write", "ends a simulation; nothing on a board"),
    ),
)
