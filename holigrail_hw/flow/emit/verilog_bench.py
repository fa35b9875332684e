"""A self-checking Verilog bench that carries its vectors, those of every stream by themselves.

It is Verilog-2005 and SystemVerilog, and needs no other tool than a simulator with delays, for
example::

    iverilog -o bench TOP.v TOP_bench.v && vvp bench
    verilator --binary --top-module TOP_bench TOP.v TOP_bench.v && obj_dir/VTOP_bench

The last line is ``PASS: N vectors in C cycles``, with exit status 0; otherwise there is a line
``FAIL: ...`` and the status is another one, also if nothing was checked. A result with an unknown
bit is wrong. The bench changes inputs after the falling edge of the clock and looks at outputs just
before the rising one.

Plain ports take an item in every cycle. Streams pause at random on every side, and results are
compared in the order of their stream.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..top import Handshake, Top
from ..verify.workloads import Workload
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
from .packed_items import pack

__all__ = ["bench"]

# Cycles after the last result, beyond the latency, in which no stream must bring another one.
_DRAIN = 64


@dataclass
class _Drive:
    """How a bench moves items: declarations, tasks, what is set before the reset, and the run."""

    declarations: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    start: list[str] = field(default_factory=list)
    run: list[str] = field(default_factory=list)


def bench(top: Top, chosen: Workload, master: Top | None = None) -> str:
    """The bench of ``top`` with a workload.

    ``master`` is the module that moves the streams of a slave on a bus.
    """
    streams = (master or top).streams()
    words = pack(streams, chosen)
    total = str(len(chosen))
    loaded = " && ".join(f"items_{s.name}_loaded == {len(words[s.name])}" for s in streams)
    declarations, checks, loaders = [], [], []
    for stream in streams:
        source, name = stream.direction == "in", stream.name
        wide = _width(stream) * (1 if source else 3)
        memories, tasks = memory(f"items_{name}", wide, words[name])
        declarations += memories + (_source(stream) if source else _sink(stream))
        checks += [] if source else _check(stream)
        loaders += tasks
    clocks, cycle, reset = clocking(top)
    counts = {name: len(items) for name, items in words.items()}
    drive = _streamed(top, streams, counts) if top.stream else _plain(top, streams, counts)
    lines = [
        *head(top),
        "  integer checked, failures, cycle, cycles;",
        *clocks,
        *declarations,
        *drive.declarations,
        *(f"  wire {port_range(port.width)} {signal(port.name)};" for port in top.bus()),
        "",
        *instance(top, "dut"),
        *(instance(master, "master") if master else []),
        "",
        *checks,
        *cycle,
        *drive.tasks,
        "  initial begin",
        *(f"    load_items_{stream.name};" for stream in streams),
        "    checked = 0;",
        "    failures = 0;",
        *(f"    item_{s.name} = 0;" for s in streams if s.direction == "in"),
        *drive.start,
        *reset,
        *drive.run,
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


def _source(stream: Handshake) -> list[str]:
    """An item, and the wires from its fields to the design."""
    lines, low = [f"  reg {port_range(_width(stream))} item_{stream.name};"], 0
    for port in stream.payload:
        bits = f"item_{stream.name}[{low + port.width - 1}:{low}]"
        lines.append(f"  wire {port_range(port.width)} {signal(port.name)} = {bits};")
        low += port.width
    return lines


def _sink(stream: Handshake) -> list[str]:
    """What an item must be, and the wires from the design."""
    return [
        f"  reg {port_range(3 * _width(stream))} wanted_{stream.name};",
        *(f"  wire {port_range(port.width)} {signal(port.name)};" for port in stream.payload),
    ]


def _check(stream: Handshake) -> list[str]:
    """A task that compares the item at the ports with one of those wanted."""
    name, place, checks = stream.name, 0, []
    for port in stream.payload:
        found = signal(port.name)
        low, high, mask = (
            f"wanted_{name}[{start + port.width - 1}:{start}]"
            for start in range(place, place + 3 * _width(stream), _width(stream))
        )
        place += port.width
        checks += [
            f"      if (((({found} ^ {low}) & {mask}) !== {port.width}'d0",
            f"          && (({found} ^ {high}) & {mask}) !== {port.width}'d0)",
            f"          || {unknown([port])}) begin",
            "        failures = failures + 1;",
            f'        $display("stream {name} item %0d: {port.name} expected %h got %h", index, '
            f"{low}, {found});",
            "      end",
        ]
    return [
        f"  task check_{name};",
        "    input integer index;",
        "    begin",
        f"      wanted_{name} = items_{name}[index];",
        "      checked = checked + 1;",
        *checks,
        "    end",
        "  endtask",
        "",
    ]


def _plain(top: Top, streams: Sequence[Handshake], counts: Mapping[str, int]) -> _Drive:
    """One item per cycle."""
    source, sink = (stream.name for stream in streams)
    count, latency = counts[source], top.latency
    return _Drive(
        run=[
            f"    for (cycle = 0; cycle < {count + latency}; cycle = cycle + 1) begin",
            f"      item_{source} = items_{source}[cycle < {count} ? cycle : {count - 1}];",
            f"      #4 if (cycle >= {latency}) check_{sink}(cycle - {latency});",
            "      rise_and_fall;",
            "    end",
            "    cycles = cycle;",
        ]
    )


def _streamed(top: Top, streams: Sequence[Handshake], counts: Mapping[str, int]) -> _Drive:
    """Items behind valid and ready."""
    sources = [stream for stream in streams if stream.direction == "in"]
    sinks = [stream for stream in streams if stream.direction == "out"]
    done = " && ".join(f"moved_{s.name} == {counts[s.name]}" for s in sinks)
    drive, before, after = (
        _Drive(["  integer quiet;", "  reg [31:0] seed;", "  reg chosen;"]),
        [],
        [],
    )
    for stream in streams:
        name, count = stream.name, counts[stream.name]
        outside, inside = signal(stream.valid), signal(stream.ready)
        flag = f"taken_{name}"
        if stream.direction == "in":
            before += _offer(stream, count)
            after += _offered(stream)
        else:
            outside, inside, flag = inside, outside, f"waiting_{name}"
            drive.declarations.append(f"  reg {port_range(_width(stream))} shown_{name};")
            before.append(f"      choose; {outside} = chosen;")
            # An operator has no result before its item.
            paired = f" && moved_{name} < moved_{sources[0].name}" if top.spec.planned else ""
            after += _received(stream, f"moved_{name} < {count}{paired}")
        drive.declarations += [
            f"  reg {outside}, {flag};",
            f"  wire {inside};",
            f"  integer moved_{name};",
        ]
        drive.start += [f"    {one} = 0;" for one in (f"moved_{name}", outside, flag)]
    drive.tasks = [
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
    ]
    drive.start += ["    seed = 32'd1;", "    quiet = 0;", "    cycle = 0;"]
    # Of a loop with a fixed number of turns Verilator 5.006 would unroll all of them.
    drive.run = [
        f"    while (quiet < {top.spec.quiet_cycles} && !({done})) step;",
        "    cycles = cycle;",
        f"    while (cycle < cycles + {_DRAIN + top.latency}) step;",
    ]
    return drive


def _offer(stream: Handshake, count: int) -> list[str]:
    """What a source does at the start of a cycle; without an offer its item is a wrong one."""
    name, valid = stream.name, signal(stream.valid)
    return [
        f"      if (!{valid} && moved_{name} < {count}) begin choose; {valid} = chosen; end",
        f"      item_{name} = items_{name}[moved_{name} < {count} ? moved_{name} : 0];",
        f"      if (!{valid}) item_{name} = ~item_{name};",
    ]


def _offered(stream: Handshake) -> list[str]:
    """What a source does just before the end of a cycle."""
    name = stream.name
    return [
        f"      taken_{name} = {signal(stream.valid)} && {signal(stream.ready)} === 1'b1;",
        f"      if (taken_{name}) begin moved_{name} = moved_{name} + 1; quiet = 0; end",
    ]


def _received(stream: Handshake, expected: str) -> list[str]:
    """What a sink does there; ``expected`` says that there may be an item."""
    name, valid, ready = stream.name, signal(stream.valid), signal(stream.ready)
    found = "{" + ", ".join(signal(port.name) for port in reversed(stream.payload)) + "}"
    return [
        f"      if (waiting_{name} && ({valid} !== 1'b1 || {found} !== shown_{name})) begin",
        "        failures = failures + 1;",
        f'        $display("cycle %0d: stream {name} changed before it was accepted", cycle);',
        "      end",
        f"      if ({valid} !== 1'b0 && {valid} !== 1'b1) begin",
        "        failures = failures + 1;",
        f'        $display("cycle %0d: it is unknown whether {name} has an item", cycle);',
        f"      end else if ({valid} && {ready}) begin",
        f"        if ({expected}) check_{name}(moved_{name});",
        "        else begin",
        "          failures = failures + 1;",
        f'          $display("cycle %0d: stream {name} has an item too many", cycle);',
        "        end",
        f"        moved_{name} = moved_{name} + 1;",
        "        quiet = 0;",
        "      end",
        f"      waiting_{name} = {valid} === 1'b1 && !{ready};",
        f"      shown_{name} = {found};",
    ]


def _width(stream: Handshake) -> int:
    return sum(port.width for port in stream.payload)
