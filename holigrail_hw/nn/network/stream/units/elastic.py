# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Hardware that units have in common: beats, pipelines that close their gaps, tables, delays."""

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Const, Module, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, memory, stream

from .unit import DISTRIBUTED, Integers

__all__ = ["Pipeline", "Ring", "among", "beats", "delay", "reads", "shape_of", "table", "wrapped"]

# Delays of so many registers are built of registers, longer ones of a memory.
_REGISTERS = 3


def shape_of(integers: Integers) -> Shape:
    """The shape of such an integer."""
    return signed(integers.width) if integers.signed else unsigned(integers.width)


def beats(integers: Integers, lanes: int) -> stream.Signature:
    """The stream of beats of so many elements."""
    layout = data.ArrayLayout(shape_of(integers), lanes)
    return stream.Signature(data.StructLayout({"data": layout}))


class Pipeline:
    """Stages of registers; a beat moves on if a later stage is empty or the output is taken.

    State: ``valid[k]``, whether stage k holds a beat. Handshake: registers of stage k load in
    cycles with ``moves[k]``; a beat enters in a cycle with ``moves[0]``. No signal passes from
    stage to stage: each looks at all stages behind it at once.

    Parameters
    ----------
    stages : int
        How many.
    ready : Value
        Whether what is in the last stage is taken, if there is something.
    """

    def __init__(self, m: Module, stages: int, ready: Any):
        self.valid = [Signal(name=f"stage{k}_valid") for k in range(stages)]
        self.moves = [Signal(name=f"stage{k}_moves") for k in range(stages)]
        for index, moves in enumerate(self.moves):
            m.d.comb += moves.eq(ready | ~Cat(*self.valid[index:]).all())

    def fill(self, m: Module, entering: Any, leaves: dict[int, Any] | None = None) -> None:
        """Every stage takes the beat of the one before.

        ``leaves`` says for a stage whether the beat that comes is still there after it.
        """
        source = entering
        for index, (valid, moves) in enumerate(zip(self.valid, self.moves, strict=True)):
            with m.If(moves):
                m.d.sync += valid.eq(source & (leaves or {}).get(index, Const(1, 1)))
            source = valid

    def register(self, m: Module, stage: int, value: Any, name: str) -> Any:
        """A value that goes along with the beat into a stage."""
        bits = Value.cast(value)
        register = Signal(bits.shape(), name=name, reset_less=True)
        with m.If(self.moves[stage]):
            m.d.sync += register.eq(bits)
        return register


def table(
    m: Module, name: str, words: Sequence[int], shape: Shape, address: Any, enable: Any
) -> Any:
    """The word at an address, one cycle later; a constant if all are equal."""
    if len(set(words)) == 1:
        return Const(words[0], shape)
    mask = (1 << shape.width) - 1
    cells = [word & mask for word in words]
    kept = memory.Memory(shape=unsigned(shape.width), depth=len(cells), init=cells)
    m.submodules[name] = kept
    port = kept.read_port()
    m.d.comb += [port.addr.eq(address), port.en.eq(enable)]
    return port.data.as_signed() if shape.signed else port.data


def reads(read: Any, write: Any, enable: Any, depth: int) -> Any:
    """Enable of a read port of which nobody needs a word that is written in the same cycle.

    It is never read then. In Amaranth that read would give the old word, which blocks of memory do
    not: synthesis adds registers and gates for it unless the enables show that it cannot happen.
    """
    if depth <= DISTRIBUTED:
        return enable
    return enable & ~(write.en & (read.addr == write.addr))


def among(m: Module, name: str, counter: Any, size: int, places: Sequence[int]) -> Any:
    """Whether a counter to ``size`` is at one of some places."""
    wanted = sorted(set(places))
    if len(wanted) == size:
        return Const(1, 1)
    found = Signal(name=name)
    if wanted:
        with m.Switch(counter):
            with m.Case(*wanted):
                m.d.comb += found.eq(1)
            with m.Default():
                m.d.comb += found.eq(0)
    return found


def wrapped(m: Module, counter: Any, size: int, step: Any, inner: Any = None) -> Any:
    """Count to ``size`` in cycles with ``step``; whether this cycle's is the last place.

    With ``inner``, the counter counts only where the one inside it is at its last place.
    """
    last = Const(1, 1) if size == 1 else counter == size - 1
    carries = step if inner is None else step & inner
    if size > 1:
        with m.If(carries):
            m.d.sync += counter.eq(counter + 1)
            with m.If(last):
                m.d.sync += counter.eq(0)
    return last if inner is None else last & inner


def delay(m: Module, name: str, value: Any, places: int, tick: Any) -> Any:
    """The value of the ``places``-th tick before the last one, which this is for 0.

    State: the values of so many ticks, in registers or in a memory whose word for the next tick is
    read one tick ahead; its oldest word is overwritten by the newest.
    """
    bits = Value.cast(value)
    if places <= _REGISTERS:
        for index in range(places + 1):
            register = Signal(bits.shape(), name=f"{name}_{index}", reset_less=True)
            with m.If(tick):
                m.d.sync += register.eq(bits)
            bits = register
        return bits
    # Word p holds the value of one tick; the port reads what was written places ticks before.
    depth = places + 1
    kept = memory.Memory(shape=unsigned(len(bits)), depth=depth, init=[])
    m.submodules[f"{name}_memory"] = kept
    write, read = kept.write_port(), kept.read_port()
    place = Signal(range(depth), name=f"{name}_place")
    after = Signal(range(depth), name=f"{name}_after", init=1)
    m.d.comb += [
        write.addr.eq(place),
        write.data.eq(bits),
        write.en.eq(tick),
        read.addr.eq(after),
        read.en.eq(reads(read, write, tick, depth)),
    ]
    with m.If(tick):
        m.d.sync += [place.eq(after), after.eq(after + 1)]
        with m.If(after == depth - 1):
            m.d.sync += after.eq(0)
    return read.data.as_signed() if bits.shape().signed else read.data


class Ring:
    """So many values in turn: ``before`` is the one that this tick's value replaces.

    State: ``value``, that of the last tick, and those of the ticks before it.
    """

    def __init__(self, m: Module, name: str, length: int, shape: Shape, tick: Any):
        self.value = Signal(shape, name=name, reset_less=True)
        self._tick = tick
        self.before = self.value
        if length > 1:
            self.before = delay(m, f"{name}_before", self.value, length - 2, tick)

    def put(self, m: Module, value: Any) -> None:
        """The value of this tick."""
        with m.If(self._tick):
            m.d.sync += self.value.eq(value)
