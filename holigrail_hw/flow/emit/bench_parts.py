"""Parts of a Verilog bench that do not depend on how the design is driven.

A bench carries its vectors as text, so it finds them wherever it is compiled and started, with any
simulator. It counts those it has loaded and those it has compared: both numbers must be right.
Names of the bench begin with another word than ``dut``, names of the design's ports with ``dut_``,
so that a port may have any name.
"""

from collections.abc import Sequence

from ..top import CLOCK, RESET, Port, Top

__all__ = [
    "clocking",
    "end",
    "head",
    "instance",
    "memory",
    "port_range",
    "random_choice",
    "signal",
    "unknown",
]


def signal(name: str) -> str:
    """What a bench calls the signal at a port of the design."""
    return f"dut_{name}"


def port_range(width: int) -> str:
    """``[7:0]`` for eight bits."""
    return f"[{width - 1}:0]"


def head(top: Top) -> list[str]:
    """The first lines of the bench of ``top``."""
    return [
        f"// Self-checking bench of {top.name}",
        "// It ends with a line PASS and exit status 0, or says FAIL and has another status.",
        f"module {top.name}_bench;",
    ]


def memory(name: str, width: int, words: Sequence[int]) -> tuple[list[str], list[str]]:
    """Declarations of ``NAME`` and ``NAME_loaded``, and tasks of which ``load_NAME`` fills it."""
    digits = -(-width // 4)
    declarations = [
        f"  reg {port_range(width)} {name} [0:{max(len(words) - 1, 0)}];",
        f"  integer {name}_loaded;",
    ]
    tasks = [
        f"  task load_{name}_word;",
        f"    input {port_range(width)} word;",
        "    begin",
        f"      if ({name}_loaded < {len(words)}) {name}[{name}_loaded] = word;",
        f"      {name}_loaded = {name}_loaded + 1;",
        "    end",
        "  endtask",
        "",
        f"  task load_{name};",
        "    begin",
        f"      {name}_loaded = 0;",
        *(f"      load_{name}_word({width}'h{word:0{digits}x});" for word in words),
        "    end",
        "  endtask",
        "",
    ]
    return declarations, tasks


def random_choice() -> list[str]:
    """A task that sets ``chosen`` three times out of four, the same way in every simulator.

    A linear congruential generator modulo 2**32 (Press et al., Numerical Recipes, 1992).
    """
    return [
        "  task choose;",
        "    begin",
        "      seed = seed * 32'd1664525 + 32'd1013904223;",
        "      chosen = seed[31:30] != 2'd0;",
        "    end",
        "  endtask",
        "",
    ]


def clocking(top: Top) -> tuple[list[str], list[str], list[str]]:
    """Declarations of clock and reset, a task for the rest of a cycle, and the reset itself.

    The task ``rise_and_fall`` lasts from just before a rising edge to just after the falling one; a
    design without a clock only waits.
    """
    if not top.clocked:
        return [], ["  task rise_and_fall;", "    begin #6 ; end", "  endtask", ""], []
    clock, reset = signal(CLOCK), signal(RESET)
    return (
        [f"  reg {clock};", f"  reg {reset};"],
        [
            "  task rise_and_fall;",
            f"    begin #1 {clock} = 1; #5 {clock} = 0; end",
            "  endtask",
            "",
        ],
        [
            f"    {clock} = 0;",
            f"    {reset} = 1;",
            "    repeat (2) begin #4 rise_and_fall; end",
            f"    {reset} = 0;",
        ],
    )


def instance(top: Top, name: str) -> list[str]:
    """An instance of ``top`` with the bench's signals at its ports."""
    ports = ",\n".join(f"    .{port.name}({signal(port.name)})" for port in top.ports())
    return [f"  {top.name} {name} (", ports, "  );"]


def end(good: str, total: str, cycles: str) -> list[str]:
    """The verdict: ``good`` says whether every vector was loaded, compared and right.

    Verilator knows no ``$fatal`` in Verilog-2005, and its ``$stop`` is the end with a bad status.
    """
    return [
        f"    if ({good}) begin",
        f'      $display("PASS: %0d vectors in %0d cycles", checked, {cycles});',
        "      $finish(0);",
        "    end else begin",
        '      $display("FAIL: %0d wrong of %0d vectors, %0d checked", failures,',
        f"               {total}, checked);",
        "`ifdef VERILATOR",
        "      $stop;",
        "`else",
        "      $fatal(1);",
        "`endif",
        "    end",
    ]


def unknown(ports: Sequence[Port]) -> str:
    """A condition that holds if any bit of the ports is unknown."""
    return f"^{{{', '.join(signal(port.name) for port in ports)}}} === 1'bx"
