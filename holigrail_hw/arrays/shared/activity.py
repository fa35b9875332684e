"""Switching activity of an array: toggles of multiplier operands and reads of activations.

The design is simulated cycle by cycle with streams that never wait, and its waveform (VCD) is read
back. A toggle is a bit of an operand that changed since the previous cycle; a read is a word read
from the memory of the activation buffer.
"""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.sim import Simulator

from holigrail_hw.core.timing import Timing

__all__ = ["Activity", "activity"]

_LONGEST = 20_000


@dataclass(frozen=True)
class Activity:
    """What was counted in one simulation.

    Attributes
    ----------
    cycles : int
        Until the last result.
    toggles : int
        Bits of multiplier operands that changed, over all elements.
    reads : int
        Words of activations read from the buffer; 0 if there is no buffer.
    results : mapping
        Codes of each field of each output stream, in order.
    """

    cycles: int
    toggles: int
    reads: int
    results: Mapping[str, Mapping[str, Any]]


def activity(spec: Any, timing: Timing, items: Mapping[str, Mapping[str, Any]]) -> Activity:
    """Simulate a ``systolic-array`` whose factors are stationary, or a ``gemm``.

    Raises RuntimeError if results are missing that the golden model has.
    """
    component = spec.component(timing)
    counts = {
        name: len(next(iter(fields.values()))) for name, fields in spec.golden(**items).items()
    }
    found: dict[str, list[list[int]]] = {name: [] for name in counts}
    fields = {name: spec.streams()[name].fields for name in counts}
    cycles = 0

    async def drive(ctx: Any) -> None:
        nonlocal cycles
        sent = dict.fromkeys(items, 0)
        sampled = []
        for name in items:
            sampled.append(getattr(component, name).ready)
        for name in counts:
            port = getattr(component, name)
            sampled += [port.valid, *(port.payload[field] for field in fields[name])]
            ctx.set(port.ready, 1)
        while any(len(found[name]) < count for name, count in counts.items()):
            if cycles == _LONGEST:
                raise RuntimeError(f"{spec.name}: results are missing after {cycles} cycles")
            there = {}
            for name, codes in items.items():
                port, place = getattr(component, name), sent[name]
                there[name] = place < len(next(iter(codes.values())))
                ctx.set(port.valid, there[name])
                if there[name]:
                    for field, values in codes.items():
                        ctx.set(port.payload[field], int(values[place]))
            _, _, *seen = await ctx.tick().sample(*sampled)
            cycles += 1
            values = iter(seen)
            for name in items:
                sent[name] += int(next(values)) & there[name]
            for name in counts:
                valid, *codes = (int(next(values)) for _ in range(1 + len(fields[name])))
                if valid:
                    found[name].append(codes)

    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    waveform = io.StringIO()
    with simulator.write_vcd(waveform):
        simulator.run()
        text = waveform.getvalue()
    results = {
        name: {
            field: np.array([row[place] & (1 << format.width) - 1 for row in rows], np.uint64)
            for place, (field, format) in enumerate(fields[name].items())
        }
        for name, rows in found.items()
    }
    toggles, reads = _counted(text, spec.rows)
    return Activity(cycles, toggles, reads, results)


def _counted(text: str, rows: int) -> tuple[int, int]:
    """Toggles and reads in a waveform."""
    operands, reading, whole, clock = _signals(text)
    toggles = reads = 0
    values: dict[str, int] = {}
    for changes in _steps(text):
        if changes.get(clock) == 1:
            reads += sum(values.get(name, 0).bit_count() for name in reading)
            reads += rows * sum(values.get(name, 0) for name in whole)
        for name in operands & changes.keys():
            toggles += (values.get(name, 0) ^ changes[name]).bit_count()
        values.update(changes)
    return toggles, reads


def _signals(text: str) -> tuple[set[str], set[str], set[str], str]:
    """Signals of element operands, of read enables (of words, of whole vectors), and the clock."""
    scopes: list[str] = []
    named: dict[tuple[str, str], str] = {}
    for line in text.partition("$enddefinitions")[0].splitlines():
        if line.startswith("$scope"):
            scopes.append(line.split()[2])
        elif line.startswith("$upscope"):
            scopes.pop()
        elif line.startswith("$var"):
            _, _, _, name, signal, *_ = line.split()
            named[".".join(scopes), signal] = name
    operands, reading, whole, clock = set(), set(), set(), ""
    for (scope, signal), name in named.items():
        last = scope.rpartition(".")[2]
        if re.fullmatch(r"element_\d+_\d+", last) and signal in ("a", "b"):
            operands.add(name)
        elif last == "buffer" and signal == "reading":
            reading.add(name)
        elif last == "buffer" and signal == "read" and (scope, "reading") not in named:
            whole.add(name)
        elif signal == "clk":
            clock = name
    return operands, reading, whole, clock


def _steps(text: str) -> Iterator[dict[str, int]]:
    """For every time of a waveform, the signals that change and their final values then."""
    changes: dict[str, int] = {}
    for line in text.partition("$enddefinitions")[2].splitlines():
        if line.startswith("#"):
            yield changes
            changes = {}
        elif line[:1] == "b":
            bits, _, name = line[1:].partition(" ")
            changes[name] = int(bits, 2)
        elif line[:1] in ("0", "1"):
            changes[line[1:]] = int(line[0])
    yield changes
