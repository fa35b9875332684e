"""Verilog that means the same as Verilog-2005 and as SystemVerilog, and that linters accept.

Yosys writes ``reg sum = 0;``. In Verilog-2005 that is an event at time zero, in SystemVerilog it is
none, so that an ``always @*`` that waits for one never runs (IEEE Std 1364-2005, 6.2.1; IEEE Std
1800-2017, 6.8). Here initial values become statements of their own, and the register that is to
wake every ``always @*`` gets its value by a nonblocking assignment: after all of them have begun to
wait, whatever the simulator begins with.

An ``always @*`` that only assigns a constant waits for nothing, so it is woken in the same way.

A ``casez`` without a default gets an empty one: the value it leaves alone is assigned above it. A
comparison that comes out the same for every value, as ``x > 3`` for two bits, is written as its
result.
"""

import re

from .plain_names import AT_TIME_ZERO

__all__ = ["portable"]

_WAKES = re.compile(rf"^  reg ({AT_TIME_ZERO}\w*) = 0;$", re.M)
_CONSTANT = re.compile(r"^  always @\*\n(    [\w\[\]:]+ = \d+'h[0-9a-f]+;\n)", re.M)
_REGISTER = re.compile(r"^(  reg (?:\[[^\]]*\] )?(\w+)) = (.*);$", re.M)
_NOTHING = re.compile(r"^  wire \[-1:0\] (\w+);\n", re.M)
_COMPARISON = re.compile(
    r"(?<= = )(\w+)(?:\[(\d+)(?::(\d+))?\])? (<|<=|>|>=) (\d+)'h([0-9a-f]+)(?=;$)", re.M
)
_DECLARATION = re.compile(r"^  (?:wire|reg) (?:\[(\d+):0\] )?(\w+);$", re.M)


def portable(module: str) -> str:
    """A module as Yosys writes it, with plain identifiers, in words that need no standard."""
    module = _with_events(module)
    module = _WAKES.sub(
        r"  reg \1;\n"
        r"  // After all processes have begun to wait: the event that wakes every always @*.\n"
        r"  /* verilator lint_off INITIALDLY */\n"
        r"  initial \1 <= 1'h0;\n"
        r"  /* verilator lint_on INITIALDLY */",
        module,
    )
    module = _REGISTER.sub(r"\1;\n  initial \2 = \3;", module)
    return _with_defaults(_with_results(_without_empty_wires(module)))


def _with_events(module: str) -> str:
    """Processes that assign a constant to some bits read the register of time zero first."""
    woken, count = _CONSTANT.subn(
        rf"  always @* begin\n    if ({AT_TIME_ZERO}) begin end\n\1  end\n", module
    )
    if count and not _WAKES.search(woken):
        name = re.search(r"^module .*\n", woken, re.M)
        assert name is not None
        woken = f"{woken[: name.end()]}  reg {AT_TIME_ZERO} = 0;\n{woken[name.end() :]}"
    return woken


def _without_empty_wires(module: str) -> str:
    """Signals of no bits, which no expression holds, are declared ``[-1:0]``: that is two bits."""

    def kept(match: re.Match[str]) -> str:
        return "" if len(re.findall(rf"\b{match[1]}\b", module)) == 1 else match[0]

    return _NOTHING.sub(kept, module)


def _with_results(module: str) -> str:
    """Comparisons of an unsigned value with the end of its range, where they say nothing."""
    widths = {name: int(high or 0) + 1 for high, name in _DECLARATION.findall(module)}

    def result(match: re.Match[str]) -> str:
        name, high, low, relation, width, digits = match.groups()
        bits = int(high) - int(low or high) + 1 if high else widths.get(name)
        constant = int(digits, 16)
        if bits is None:
            return match[0]
        if relation in ("<", ">=") and constant == 0:
            return "1'h0" if relation == "<" else "1'h1"
        if relation in (">", "<=") and constant >= (1 << bits) - 1:
            return "1'h0" if relation == ">" else "1'h1"
        return match[0]

    return _COMPARISON.sub(result, module)


def _with_defaults(module: str) -> str:
    lines: list[str] = []
    open_cases: list[bool] = []
    for line in module.splitlines(keepends=True):
        word = line.strip()
        if word.startswith("casez ("):
            open_cases.append("full_case" in "".join(lines[-1:]))
        elif word == "default:":
            open_cases[-1] = True
        elif word == "endcase" and not open_cases.pop():
            indent = line[: line.index("endcase")]
            lines += [f"{indent}  default:\n", f"{indent}      /* empty */;\n"]
        lines.append(line)
    return "".join(lines)
