"""A self-checking Verilog-2001 bench that reads its vectors with ``$readmemh``.

It needs no other tool than a Verilog simulator with delays, for example::

    iverilog -o bench TOP.v TOP_bench.v && vvp bench

The last line is ``PASS: N vectors in C cycles`` or ``FAIL: ...``; a run that checked nothing fails.
The bench changes inputs after the falling edge of the clock and looks at outputs just before the
rising one.
"""

from .top import CLOCK, RESET, Port, Top

__all__ = ["bench"]


def bench(top: Top, vectors_file: str, count: int) -> str:
    """The bench of ``top`` for ``count`` vectors in ``vectors_file`` (see ``vectors.pack``)."""
    inputs, outputs = top.inputs(), top.outputs()
    fields, width = _fields(inputs, outputs)
    body = _stream(top) if top.stream else _plain(top)
    declarations = [
        f"  wire [{port.width - 1}:0] {port.name} = item[{fields[port.name]}];" for port in inputs
    ]
    declarations += [f"  wire [{port.width - 1}:0] {port.name};" for port in outputs]
    checks = []
    for port in outputs:
        low, high = (f"wanted[{fields[f'{port.name} {side}']}]" for side in ("low", "high"))
        checks += [
            f"      if ({port.name} !== {low} && {port.name} !== {high}) begin",
            "        failures = failures + 1;",
            f'        $display("vector %0d: {port.name} expected %h got %h, operands %h", index, '
            f"{low}, {port.name}, wanted[{_total(inputs) - 1}:0]);",
            "      end",
        ]
    lines = [
        f"// Self-checking bench of {top.name}",
        "`timescale 1ns/1ps",
        f"module {top.name}_bench;",
        f"  localparam COUNT = {count};",
        f"  localparam LATENCY = {top.latency};",
        f"  reg [{width - 1}:0] vectors [0:{max(count - 1, 0)}];",
        f"  reg [{width - 1}:0] item;",
        f"  reg {CLOCK};",
        f"  reg {RESET};",
        "  integer checked, failures;",
        *declarations,
        *body[0],
        "",
        f"  {top.name} dut (",
        ",\n".join(f"    .{port.name}({port.name})" for port in top.ports()),
        "  );",
        "",
        "  task check;",
        "    input integer index;",
        f"    reg [{width - 1}:0] wanted;",
        "    begin",
        "      wanted = vectors[index];",
        "      checked = checked + 1;",
        *checks,
        "    end",
        "  endtask",
        "",
        "  // One clock cycle, from just after a falling edge to the next one.",
        "  task rise_and_fall;",
        f"    begin #1 {CLOCK} = 1; #5 {CLOCK} = 0; end",
        "  endtask",
        "",
        "  initial begin",
        f'    $readmemh("{vectors_file}", vectors);',
        "    checked = 0;",
        "    failures = 0;",
        "    item = 0;",
        f"    {CLOCK} = 0;",
        f"    {RESET} = 1;",
        "    repeat (2) begin #4 rise_and_fall; end",
        f"    {RESET} = 0;",
        *body[1],
        "    if (failures == 0 && checked == COUNT && COUNT > 0)",
        '      $display("PASS: %0d vectors in %0d cycles", checked, cycle);',
        "    else",
        '      $display("FAIL: %0d wrong of %0d vectors, %0d checked", failures, COUNT, checked);',
        "    $finish;",
        "  end",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _plain(top: Top) -> tuple[list[str], list[str]]:
    return (
        ["  integer cycle;"],
        [
            "    for (cycle = 0; cycle < COUNT + LATENCY; cycle = cycle + 1) begin",
            "      item = vectors[cycle < COUNT ? cycle : COUNT - 1];",
            "      #4 if (cycle >= LATENCY) check(cycle - LATENCY);",
            "      rise_and_fall;",
            "    end",
        ],
    )


def _stream(top: Top) -> tuple[list[str], list[str]]:
    results = ", ".join(port.name for port in top.outputs())
    width = _total(top.outputs())
    patience = (top.interleave + top.latency + 8) * 8
    return (
        [
            "  reg i_valid, o_ready;",
            "  wire i_ready, o_valid;",
            "  integer cycle, sent, seed;",
            "  reg waiting;",
            f"  reg [{width - 1}:0] before;",
        ],
        [
            "    i_valid = 0;",
            "    o_ready = 0;",
            "    waiting = 0;",
            "    sent = 0;",
            "    seed = 1;",
            "    cycle = 0;",
            "    // Both sides pause at random; an offer stands until it is accepted.",
            f"    while (checked < COUNT && cycle < {patience} * (COUNT + 4)) begin",
            "      if (!i_valid && sent < COUNT) i_valid = ($random(seed) & 3) != 0;",
            "      item = vectors[sent < COUNT ? sent : COUNT - 1];",
            "      if (!i_valid) item = ~item;",
            "      o_ready = ($random(seed) & 3) != 0;",
            f"      #4 if (waiting && (o_valid !== 1 || {{{results}}} !== before)) begin",
            "        failures = failures + 1;",
            '        $display("cycle %0d: a result changed before it was accepted", cycle);',
            "      end",
            "      if (o_valid === 1 && o_ready) check(checked);",
            "      waiting = o_valid === 1 && !o_ready;",
            f"      before = {{{results}}};",
            "      cycle = cycle + 1;",
            "      if (i_valid && i_ready === 1) begin",
            "        sent = sent + 1;",
            "        rise_and_fall;",
            "        i_valid = 0;",
            "      end else rise_and_fall;",
            "    end",
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
