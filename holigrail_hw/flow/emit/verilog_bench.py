"""A self-checking Verilog bench that carries its vectors.

It is Verilog-2005 and SystemVerilog, and needs no other tool than a simulator with delays, for
example::

    iverilog -o bench TOP.v TOP_bench.v && vvp bench
    verilator --binary --top-module TOP_bench TOP.v TOP_bench.v && obj_dir/VTOP_bench

The last line is ``PASS: N vectors in C cycles``, with exit status 0; otherwise there is a line
``FAIL: ...`` and the status is another one, also if nothing was checked. A result with an unknown
bit is wrong. The bench changes inputs after the falling edge of the clock and looks at outputs just
before the rising one.
"""

from ..top import Port, Top
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

# Cycles after the last result in which a stream must not bring another one.
_DRAIN = 8


def bench(top: Top, chosen: Workload) -> str:
    """The bench of ``top`` with the items of an operator."""
    inputs, outputs = top.inputs(), top.outputs()
    words = _words(top, chosen)
    fields, width = _fields(inputs, outputs)
    declarations, tasks = memory("vectors", width, words)
    clocks, cycle, reset = clocking(top)
    state, steps, run = _stream(top) if top.stream else _plain(top)
    declarations += [
        "  /* verilator lint_off UNUSED */ // the design sees the operands, check sees the rest",
        f"  reg {port_range(width)} item;",
        "  /* verilator lint_on UNUSED */",
        "  integer checked, failures, cycle, cycles;",
        *state,
        *clocks,
        *(
            f"  wire {port_range(port.width)} {signal(port.name)} = item[{fields[port.name]}];"
            for port in inputs
        ),
        *(f"  wire {port_range(port.width)} {signal(port.name)};" for port in outputs),
    ]
    lines = [
        *head(top),
        f"  localparam COUNT = {len(words)};",
        *declarations,
        "",
        *instance(top, "dut"),
        "",
        *_check(inputs, outputs, fields, width),
        *cycle,
        *steps,
        "  initial begin",
        "    load_vectors;",
        "    checked = 0;",
        "    failures = 0;",
        "    item = 0;",
        *reset,
        *run,
        *end(
            "failures == 0 && checked == COUNT && vectors_loaded == COUNT && COUNT > 0",
            "COUNT",
            "cycles",
        ),
        "  end",
        "",
        "  // Operands in the lowest bits, then the lowest right results, then the highest ones.",
        *tasks[:-1],
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _words(top: Top, chosen: Workload) -> list[int]:
    """Operands and results of every item as one number; all bits of a result count."""
    packed = pack(top.streams(), chosen)
    operands, results = _total(top.inputs()), (1 << 2 * _total(top.outputs())) - 1
    return [i | (o & results) << operands for i, o in zip(packed["i"], packed["o"], strict=True)]


def _check(
    inputs: list[Port], outputs: list[Port], fields: dict[str, str], width: int
) -> list[str]:
    checks = []
    for port in outputs:
        name = signal(port.name)
        low, high = (f"wanted[{fields[f'{port.name} {side}']}]" for side in ("low", "high"))
        checks += [
            f"      if ({name} !== {low} && {name} !== {high} || {unknown([port])}) begin",
            "        failures = failures + 1;",
            f'        $display("vector %0d: {port.name} expected %h got %h, operands %h", index, '
            f"{low}, {name}, wanted[{_total(inputs) - 1}:0]);",
            "      end",
        ]
    return [
        "  task check;",
        "    input integer index;",
        f"    reg {port_range(width)} wanted;",
        "    begin",
        "      wanted = vectors[index];",
        "      checked = checked + 1;",
        *checks,
        "    end",
        "  endtask",
        "",
    ]


def _plain(top: Top) -> tuple[list[str], list[str], list[str]]:
    """Declarations, tasks, and the run of a bench with one item per cycle."""
    return (
        [f"  localparam LATENCY = {top.latency};"],
        [],
        [
            "    for (cycle = 0; cycle < COUNT + LATENCY; cycle = cycle + 1) begin",
            "      item = vectors[cycle < COUNT ? cycle : COUNT - 1];",
            "      #4 if (cycle >= LATENCY) check(cycle - LATENCY);",
            "      rise_and_fall;",
            "    end",
            "    cycles = cycle;",
        ],
    )


def _stream(top: Top) -> tuple[list[str], list[str], list[str]]:
    """Declarations, tasks, and the run of a bench with valid and ready."""
    source, sink = top.handshakes()
    give, given = signal(source.valid), signal(source.ready)
    take, taken = signal(sink.ready), signal(sink.valid)
    found = f"{{{', '.join(signal(port.name) for port in sink.payload)}}}"
    patience = (top.interleave + top.latency + 8) * 8
    declarations = [
        "  integer sent;",
        "  reg [31:0] seed;",
        "  reg chosen, waiting;",
        f"  reg {port_range(_total(top.outputs()))} shown;",
        f"  reg {give}, {take};",
        f"  wire {given}, {taken};",
    ]
    step = [
        *random_choice(),
        "  // Both sides pause at random; an offer stands until it is accepted.",
        "  task step;",
        "    begin",
        f"      if (!{give} && sent < COUNT) begin choose; {give} = chosen; end",
        "      item = vectors[sent < COUNT ? sent : COUNT - 1];",
        f"      if (!{give}) item = ~item;",
        f"      choose; {take} = chosen;",
        f"      #4 if (waiting && ({taken} !== 1'b1 || {found} !== shown)) begin",
        "        failures = failures + 1;",
        '        $display("cycle %0d: a result changed before it was accepted", cycle);',
        "      end",
        f"      chosen = {give} && {given} === 1'b1;",
        f"      if ({taken} !== 1'b0 && {taken} !== 1'b1) begin",
        "        failures = failures + 1;",
        '        $display("cycle %0d: it is unknown whether there is a result", cycle);',
        f"      end else if ({taken} && {take}) begin",
        "        if (checked < COUNT && (checked < sent || chosen)) check(checked);",
        "        else begin",
        "          failures = failures + 1;",
        '          $display("cycle %0d: a result without an item", cycle);',
        "        end",
        "      end",
        f"      waiting = {taken} === 1'b1 && !{take};",
        f"      shown = {found};",
        "      cycle = cycle + 1;",
        "      rise_and_fall;",
        f"      if (chosen) begin sent = sent + 1; {give} = 1'b0; end",
        "    end",
        "  endtask",
        "",
    ]
    return (
        declarations,
        step,
        [
            f"    {give} = 1'b0;",
            f"    {take} = 1'b0;",
            "    waiting = 1'b0;",
            "    sent = 0;",
            "    seed = 32'd1;",
            "    cycle = 0;",
            f"    while (checked < COUNT && cycle < {patience} * (COUNT + 4)) step;",
            "    cycles = cycle;",
            f"    repeat ({top.latency + _DRAIN}) step;",
        ],
    )


def _fields(inputs: list[Port], outputs: list[Port]) -> tuple[dict[str, str], int]:
    """Where each operand and each expected result lies in a vector, and its width in bits."""
    names = [(port.name, port.width) for port in inputs]
    for side in ("low", "high"):
        names += [(f"{port.name} {side}", port.width) for port in outputs]
    fields, start = {}, 0
    for name, width in names:
        fields[name] = f"{start + width - 1}:{start}"
        start += width
    return fields, start


def _total(ports: list[Port]) -> int:
    return sum(port.width for port in ports)
