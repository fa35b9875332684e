# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""The activations of an EIE-like engine, and the search for the non-zero ones.

A flag per activation tells whether it is non-zero. The flags of a group are one word of a memory,
and one more flag per group tells whether any of them is set. So two small searches, in two cycles,
find one activation per cycle, however far apart they are: a leading-non-zero tree with registers at
its nodes. There is room for two vectors: one comes in while the other is searched.
"""

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from holigrail_hw.hdl.integer.leading_zeros import leading_zeros

from .shape import EieShape

__all__ = ["EieStore", "group_width"]


def group_width(columns: int) -> int:
    """Flags per group: a power of two near the square root, so that both searches are small."""
    return 1 << -(-(columns - 1).bit_length() // 2)


class EieStore(wiring.Component):
    """Two vectors, and the activations of one of them in order, without the zeros.

    Members
    -------
    begin : In(1), a vector will come; write, index, value : In, one of its activations
    start : In(1), the vector is complete and is searched from the next cycle on
    lookup, column : Out, ``column`` is found and will be offered in the next cycle
    valid, activation : Out, a non-zero activation, until ``ready``
    empty : Out(1), all have been given
    """

    def __init__(self, spec: EieShape):
        self._columns, width = spec.columns, spec.activation.width
        super().__init__(
            {
                "begin": In(1),
                "write": In(1),
                "index": In(range(spec.columns)),
                "value": In(width),
                "start": In(1),
                "lookup": Out(1),
                "column": Out(range(spec.columns)),
                "valid": Out(1),
                "activation": Out(width),
                "ready": In(1),
                "empty": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # ``half`` of each memory is written, the other one, ``searched``, is read; they change
        # places at ``start``.
        half = Signal()
        searched = Signal(init=1)
        with m.If(self.start):
            m.d.sync += [half.eq(~half), searched.eq(half)]

        values, flags, summary = self._gather(m, half)
        self._search(m, searched, values, flags, summary)
        return m

    def _gather(self, m: Module, half: Signal) -> tuple[Any, Any, Signal]:
        """Input, never refused, in order of the index: the value goes to its place.

        The flags of its group are ``gathered`` and written with each value, and ``summary`` notes
        the group. Returns the memories of values and of flags, and the summary.
        """
        group = group_width(self._columns)
        low = group.bit_length() - 1
        groups = -(-self._columns // group)
        values = memory.Memory(shape=len(self.value), depth=2 << len(self.index), init=[])
        place_width = len(self.index) - low
        flags = memory.Memory(shape=group, depth=2 << place_width, init=[])
        m.submodules.values, m.submodules.flags = values, flags
        value_write, flag_write = values.write_port(), flags.write_port()
        is_set = self.value != 0
        gathered = Signal(group)
        summary = Signal(groups)
        kept = Signal(group)
        here = self.index[:low]
        m.d.comb += [
            gathered.eq(Mux(here == 0, 0, kept) | (is_set << here)),
            value_write.addr.eq(Cat(self.index, half)),
            value_write.data.eq(self.value),
            value_write.en.eq(self.write),
            flag_write.addr.eq(Cat(self.index[low:], half)),
            flag_write.data.eq(gathered),
            flag_write.en.eq(self.write),
        ]
        with m.If(self.begin):
            m.d.sync += summary.eq(0)
        with m.Elif(self.write):
            m.d.sync += [kept.eq(gathered), summary.eq(summary | (is_set << self.index[low:]))]
        return values, flags, summary

    def _search(
        self, m: Module, searched: Signal, values: Any, flags: Any, summary: Signal
    ) -> None:
        """Output: a group from ``pending``, its flags in ``word``, an activation on offer.

        Each of these three stages moves when the next one is empty or moves, so ``valid`` and
        ``activation`` stay until ``ready``; ``has_flags`` marks a word that has been read but not
        yet taken.
        """
        groups, group = len(summary), group_width(self._columns)
        low = group.bit_length() - 1
        place_width = len(self.index) - low
        value_read, flag_read = values.read_port(), flags.read_port()
        pending = Signal(groups)
        word = Signal(group)
        has_flags = Signal()
        flags_place = Signal(place_width)
        word_place = Signal(place_width)
        accept = Signal()
        refill = Signal()
        chosen_group, rest_of_groups = _first(pending)
        chosen, rest = _first(word)
        next_group = (pending != 0) & (~has_flags | refill)
        m.d.comb += [
            accept.eq(~self.valid | self.ready),
            refill.eq((word == 0) | (accept & (rest == 0))),
            flag_read.addr.eq(Cat(_padded(chosen_group, place_width), searched)),
            flag_read.en.eq(next_group),
            self.lookup.eq((word != 0) & accept),
            self.column.eq(Cat(_padded(chosen, low), word_place)),
            value_read.addr.eq(Cat(self.column, searched)),
            value_read.en.eq(self.lookup),
            self.activation.eq(value_read.data),
            self.empty.eq((pending == 0) & ~has_flags & (word == 0) & ~self.valid),
        ]
        with m.If(self.start):
            m.d.sync += pending.eq(summary)
        with m.Elif(next_group):
            m.d.sync += [pending.eq(rest_of_groups), flags_place.eq(chosen_group)]
        with m.If(next_group):
            m.d.sync += has_flags.eq(1)
        with m.Elif(refill):
            m.d.sync += has_flags.eq(0)
        with m.If(refill):
            m.d.sync += [word.eq(Mux(has_flags, flag_read.data, 0)), word_place.eq(flags_place)]
        with m.Elif(self.lookup):
            m.d.sync += word.eq(rest)
        with m.If(accept):
            m.d.sync += self.valid.eq(self.lookup)


def _first(flags: Any) -> tuple[Any, Any]:
    """The place of the lowest set flag, and the flags without it."""
    if len(flags) == 1:
        return Const(0, 0), Const(0, 1)
    return leading_zeros(flags[::-1])[: (len(flags) - 1).bit_length()], flags & (flags - 1)


def _padded(value: Any, width: int) -> Any:
    """The value in exactly ``width`` bits."""
    return Cat(value, Const(0, width))[:width] if width else Const(0, 0)
