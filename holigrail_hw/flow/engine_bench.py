"""A self-checking Verilog-2001 bench of an engine, every stream with its own vectors.

As :mod:`.verilog_bench`, for several streams: every side pauses at random, results are compared in
the order of their stream. The last line is ``PASS: N vectors in C cycles`` or ``FAIL: ...``.
"""

from .top import CLOCK, RESET, Handshake, Top

__all__ = ["bench"]


def bench(
    top: Top,
    files: dict[str, str],
    counts: dict[str, int],
    quiet_cycles: int,
    master: Top | None = None,
) -> str:
    """The bench of ``top``; ``files`` and ``counts`` say how many items each stream has, and where.

    Parameters
    ----------
    quiet_cycles : int
        The most cycles without an item moved.
    master : Top or None
        The module that moves the streams of a slave on a bus.
    """
    streams = (master or top).handshakes()
    sinks = [stream for stream in streams if stream.direction == "out"]
    total = " + ".join(str(counts[stream.name]) for stream in sinks)
    done = " && ".join(f"{s.name}_moved == {counts[s.name]}" for s in sinks)
    declarations, before, after = [], [], []
    for stream in streams:
        parts = _source if stream.direction == "in" else _sink
        one, two, three = parts(stream, counts[stream.name])
        declarations, before, after = declarations + one, before + two, after + three
    declarations += [f"  wire [{port.width - 1}:0] {port.name};" for port in top.bus()]
    lines = [
        f"// Self-checking bench of {top.name}",
        "`timescale 1ns/1ps",
        f"module {top.name}_bench;",
        f"  reg {CLOCK};",
        f"  reg {RESET};",
        "  integer checked, failures, cycle, quiet, seed;",
        *declarations,
        "",
        *_instance(top, "dut"),
        *(_instance(master, "master") if master else []),
        "",
        "  initial begin",
        *[f'    $readmemh("{files[s.name]}", {s.name}_items);' for s in streams if counts[s.name]],
        "    checked = 0;",
        "    failures = 0;",
        "    seed = 1;",
        "    quiet = 0;",
        *[
            f"    {s.name}_moved = 0; {s.valid if s.direction == 'in' else s.ready} = 0;"
            for s in streams
        ],
        *[f"    {s.name}_waiting = 0;" for s in sinks],
        *[f"    {s.name}_item = 0;" for s in streams if s.direction == "in"],
        f"    {CLOCK} = 0;",
        f"    {RESET} = 1;",
        f"    repeat (2) begin #5 {CLOCK} = 1; #5 {CLOCK} = 0; end",
        f"    {RESET} = 0;",
        "    // Both sides pause at random; an offer stands until it is accepted.",
        f"    for (cycle = 0; quiet < {quiet_cycles} && !({done}); cycle = cycle + 1) begin",
        "      quiet = quiet + 1;",
        *before,
        "      #4 ;",
        *after,
        f"      #1 {CLOCK} = 1;",
        f"      #5 {CLOCK} = 0;",
        *[f"      if ({s.name}_taken) {s.valid} = 0;" for s in streams if s.direction == "in"],
        "    end",
        f"    if (failures == 0 && checked == {total} && checked > 0)",
        '      $display("PASS: %0d vectors in %0d cycles", checked, cycle);',
        "    else",
        '      $display("FAIL: %0d wrong of %0d vectors, %0d checked", failures,',
        f"               {total}, checked);",
        "    $finish;",
        "  end",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _instance(top: Top, name: str) -> list[str]:
    ports = ",\n".join(f"    .{port.name}({port.name})" for port in top.ports())
    return [f"  {top.name} {name} (", ports, "  );"]


def _source(stream: Handshake, count: int) -> tuple[list[str], list[str], list[str]]:
    name, width = stream.name, sum(port.width for port in stream.payload)
    declarations = [
        f"  reg [{width - 1}:0] {name}_items [0:{max(count - 1, 0)}];",
        f"  reg [{width - 1}:0] {name}_item;",
        f"  reg {stream.valid}, {name}_taken;",
        f"  wire {stream.ready};",
        f"  integer {name}_moved;",
    ]
    low = 0
    for port in stream.payload:
        high = low + port.width - 1
        declarations.append(f"  wire [{port.width - 1}:0] {port.name} = {name}_item[{high}:{low}];")
        low = high + 1
    before = [
        f"      if (!{stream.valid} && {name}_moved < {count})"
        f" {stream.valid} = ($random(seed) & 3) != 0;",
        f"      {name}_item = {name}_items[{name}_moved < {count} ? {name}_moved : 0];",
        f"      if (!{stream.valid}) {name}_item = ~{name}_item;",
    ]
    after = [
        f"      {name}_taken = {stream.valid} && {stream.ready} === 1;",
        f"      if ({name}_taken) begin {name}_moved = {name}_moved + 1; quiet = 0; end",
    ]
    return declarations, before, after


def _sink(stream: Handshake, count: int) -> tuple[list[str], list[str], list[str]]:
    name, width = stream.name, sum(port.width for port in stream.payload)
    found = "{" + ", ".join(port.name for port in reversed(stream.payload)) + "}"
    declarations = [
        f"  reg [{3 * width - 1}:0] {name}_items [0:{max(count - 1, 0)}];",
        f"  reg [{3 * width - 1}:0] {name}_wanted;",
        f"  reg [{width - 1}:0] {name}_before, {name}_wrong;",
        f"  reg {stream.ready}, {name}_waiting;",
        f"  wire {stream.valid};",
        f"  integer {name}_moved;",
        *[f"  wire [{port.width - 1}:0] {port.name};" for port in stream.payload],
    ]
    low, high, mask = (f"{name}_wanted[{(k + 1) * width - 1}:{k * width}]" for k in range(3))
    after = [
        f"      if ({name}_waiting && ({stream.valid} !== 1 || {found} !== {name}_before)) begin",
        "        failures = failures + 1;",
        f'        $display("cycle %0d: stream {name} changed before it was accepted", cycle);',
        "      end",
        f"      if ({stream.valid} === 1 && {stream.ready}) begin",
        f"        {name}_wanted = {name}_items[{name}_moved < {count} ? {name}_moved : 0];",
        f"        {name}_wrong = ({found} ^ {low}) & ({found} ^ {high}) & {mask};",
        f"        if ({name}_moved >= {count} || {name}_wrong !== 0) begin",
        "          failures = failures + 1;",
        f'          $display("stream {name} item %0d: expected %h got %h", {name}_moved, {low}, '
        f"{found});",
        "        end",
        f"        {name}_moved = {name}_moved + 1;",
        "        checked = checked + 1;",
        "        quiet = 0;",
        "      end",
        f"      {name}_waiting = {stream.valid} === 1 && !{stream.ready};",
        f"      {name}_before = {found};",
    ]
    return declarations, [f"      {stream.ready} = ($random(seed) & 3) != 0;"], after
