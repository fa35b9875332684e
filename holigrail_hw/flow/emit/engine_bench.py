"""A self-checking Verilog bench of an engine, every stream with its own vectors.

As :mod:`.verilog_bench`, for several streams: every side pauses at random, results are compared in
the order of their stream. The last line is ``PASS: N vectors in C cycles``, or there is a line
``FAIL: ...`` and a bad exit status.
"""

from collections.abc import Mapping, Sequence

from ..top import Handshake, Top
from .bench_parts import (
    clocking,
    end,
    head,
    instance,
    memory,
    port_range,
    random_choice,
    signal,
    unknown,
)

__all__ = ["bench"]

# Cycles after the last result in which no stream must bring another one.
_DRAIN = 64


def bench(
    top: Top, words: Mapping[str, Sequence[int]], quiet_cycles: int, master: Top | None = None
) -> str:
    """The bench of ``top`` with the items of every stream, as ``packed_items.pack`` has them.

    Parameters
    ----------
    quiet_cycles : int
        The most cycles without an item moved.
    master : Top or None
        The module that moves the streams of a slave on a bus.
    """
    streams = (master or top).handshakes()
    sources = [stream for stream in streams if stream.direction == "in"]
    sinks = [stream for stream in streams if stream.direction == "out"]
    total = str(sum(len(words[stream.name]) for stream in sinks))
    done = " && ".join(f"moved_{s.name} == {len(words[s.name])}" for s in sinks)
    loaded = " && ".join(f"items_{s.name}_loaded == {len(words[s.name])}" for s in streams)
    declarations, before, after, loaders = [], [], [], []
    for stream in streams:
        source = stream.direction == "in"
        wide = sum(port.width for port in stream.payload) * (1 if source else 3)
        memories, tasks = memory(f"items_{stream.name}", wide, words[stream.name])
        parts = (_source if source else _sink)(stream, len(words[stream.name]))
        declarations, loaders = declarations + memories + parts[0], loaders + tasks
        before, after = before + parts[1], after + parts[2]
    clocks, cycle, reset = clocking(top)
    lines = [
        *head(top),
        "  integer checked, failures, cycle, cycles, quiet;",
        "  reg [31:0] seed;",
        "  reg chosen;",
        *clocks,
        *declarations,
        *(f"  wire {port_range(port.width)} {signal(port.name)};" for port in top.bus()),
        "",
        *instance(top, "dut"),
        *(instance(master, "master") if master else []),
        "",
        *cycle,
        *random_choice(),
        "  // Both sides pause at random; an offer stands until it is accepted.",
        "  task step;",
        "    begin",
        "      quiet = quiet + 1;",
        *before,
        "      #4 ;",
        *after,
        "      cycle = cycle + 1;",
        "      rise_and_fall;",
        *(f"      if (taken_{s.name}) {signal(s.valid)} = 1'b0;" for s in sources),
        "    end",
        "  endtask",
        "",
        "  initial begin",
        *(f"    load_items_{s.name};" for s in streams),
        "    checked = 0;",
        "    failures = 0;",
        "    seed = 32'd1;",
        "    quiet = 0;",
        "    cycle = 0;",
        *(f"    moved_{s.name} = 0;" for s in streams),
        *(f"    {signal(s.valid)} = 1'b0;" for s in sources),
        *(f"    {signal(s.ready)} = 1'b0;" for s in sinks),
        *(f"    waiting_{s.name} = 1'b0;" for s in sinks),
        *(f"    item_{s.name} = 0;" for s in sources),
        *reset,
        f"    while (quiet < {quiet_cycles} && !({done})) step;",
        "    cycles = cycle;",
        f"    repeat ({_DRAIN}) step;",
        *end(
            f"failures == 0 && checked == {total} && checked > 0\n        && {loaded}",
            total,
            "cycles",
        ),
        "  end",
        "",
        "  // The first field of an item in the lowest bits. A result: its lowest right code, its",
        "  // highest right code, and a mask of the bits that count.",
        *loaders[:-1],
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _source(stream: Handshake, count: int) -> tuple[list[str], list[str], list[str]]:
    """Declarations, what happens at the start of a cycle, and what just before its end."""
    name, width = stream.name, sum(port.width for port in stream.payload)
    valid, ready = signal(stream.valid), signal(stream.ready)
    declarations = [
        f"  reg {port_range(width)} item_{name};",
        f"  reg {valid}, taken_{name};",
        f"  wire {ready};",
        f"  integer moved_{name};",
    ]
    low = 0
    for port in stream.payload:
        high = low + port.width - 1
        declarations.append(
            f"  wire {port_range(port.width)} {signal(port.name)} = item_{name}[{high}:{low}];"
        )
        low = high + 1
    before = [
        f"      if (!{valid} && moved_{name} < {count}) begin choose; {valid} = chosen; end",
        f"      item_{name} = items_{name}[moved_{name} < {count} ? moved_{name} : 0];",
        f"      if (!{valid}) item_{name} = ~item_{name};",
    ]
    after = [
        f"      taken_{name} = {valid} && {ready} === 1'b1;",
        f"      if (taken_{name}) begin moved_{name} = moved_{name} + 1; quiet = 0; end",
    ]
    return declarations, before, after


def _sink(stream: Handshake, count: int) -> tuple[list[str], list[str], list[str]]:
    """As for :func:`_source`."""
    name, width = stream.name, sum(port.width for port in stream.payload)
    valid, ready = signal(stream.valid), signal(stream.ready)
    found = "{" + ", ".join(signal(port.name) for port in reversed(stream.payload)) + "}"
    declarations = [
        f"  reg {port_range(3 * width)} wanted_{name};",
        f"  reg {port_range(width)} shown_{name}, wrong_{name};",
        f"  reg {ready}, waiting_{name};",
        f"  wire {valid};",
        f"  integer moved_{name};",
        *(f"  wire {port_range(port.width)} {signal(port.name)};" for port in stream.payload),
    ]
    low, high, mask = (f"wanted_{name}[{(k + 1) * width - 1}:{k * width}]" for k in range(3))
    after = [
        f"      if (waiting_{name} && ({valid} !== 1'b1 || {found} !== shown_{name})) begin",
        "        failures = failures + 1;",
        f'        $display("cycle %0d: stream {name} changed before it was accepted", cycle);',
        "      end",
        f"      if ({valid} !== 1'b0 && {valid} !== 1'b1) begin",
        "        failures = failures + 1;",
        f'        $display("cycle %0d: it is unknown whether {name} has an item", cycle);',
        f"      end else if ({valid} && {ready}) begin",
        f"        wanted_{name} = items_{name}[moved_{name} < {count} ? moved_{name} : 0];",
        f"        wrong_{name} = ({found} ^ {low}) & ({found} ^ {high}) & {mask};",
        f"        if (moved_{name} >= {count} || wrong_{name} !== {width}'d0",
        f"            || {unknown(stream.payload)}) begin",
        "          failures = failures + 1;",
        f'          $display("stream {name} item %0d: expected %h got %h", moved_{name}, {low}, '
        f"{found});",
        "        end",
        f"        moved_{name} = moved_{name} + 1;",
        "        checked = checked + 1;",
        "        quiet = 0;",
        "      end",
        f"      waiting_{name} = {valid} === 1'b1 && !{ready};",
        f"      shown_{name} = {found};",
    ]
    return declarations, [f"      choose; {ready} = chosen;"], after
