# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""What an accelerator counts: events of the latest chain, cycles of its latest descriptors."""

from collections.abc import Mapping
from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import data, memory

from holigrail_hw.arrays.shared.delays import delayed
from holigrail_hw.soc.registers.memory_map import SHOWN_DESCRIPTORS

__all__ = ["COUNTERS", "count_events", "keep_ages"]

COUNTERS = data.StructLayout(
    dict.fromkeys(
        (
            "cycles",
            "activation_words",
            "weight_words",
            "parameter_words",
            "result_words",
            "port_idle",
            "engine_stalls",
            "flash_wait",
        ),
        32,
    )
)


def count_events(
    m: Module, counters: Any, events: Mapping[str, Any], clear: Any, *, only_cycles: bool
) -> None:
    """Counters of the latest chain, by name: each counts the cycles in which its event is."""
    for name, event in events.items():
        if only_cycles and name != "cycles":
            continue
        # All but the clock itself a cycle later: what moves is known late in its cycle.
        happened = event if name == "cycles" else delayed(m, event, 1, name, resets=True)
        with m.If(happened):
            m.d.sync += counters[name].eq(counters[name] + 1)
        with m.If(clear):
            m.d.sync += counters[name].eq(0)


def keep_ages(m: Module, begins: Any, ends: Any, index: Any, shown: Any, cycles: Any) -> None:
    """The cycles of the latest descriptors, from their fetch to their last result.

    ``cycles`` are those of descriptor ``shown``, a cycle later.
    """
    m.submodules.shown = kept = memory.Memory(shape=32, depth=SHOWN_DESCRIPTORS, init=[])
    read, write = kept.read_port(), kept.write_port()
    age = Signal(32)
    m.d.sync += age.eq(Mux(begins, 2, age + 1))
    m.d.comb += [
        read.addr.eq(shown),
        cycles.eq(read.data),
        write.addr.eq(index),
        write.data.eq(age),
        write.en.eq(ends),
    ]
