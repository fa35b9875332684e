"""Verilog that means the same as Verilog-2005 and as SystemVerilog, and that linters accept.

Yosys writes ``reg sum = 0;``. In Verilog-2005 that is an event at time zero, in SystemVerilog it is
none, so that an ``always @*`` that waits for one never runs (IEEE Std 1364-2005, 6.2.1; IEEE Std
1800-2017, 6.8). Here initial values become statements of their own, and the register that is to
wake every ``always @*`` gets its value by a nonblocking assignment: after all of them have begun to
wait, whatever the simulator begins with.

An ``always @*`` that only assigns a constant waits for nothing, so it is woken in the same way.

A ``casez`` without a default gets an empty one: the value it leaves alone is assigned above it.
Where Yosys says that one is full although it lists fewer values than its width has, since the
others cannot occur, the last of them is the default.

A comparison that comes out the same for every value, as ``x > 3`` for two bits, is written as its
result.
"""

import re
from dataclasses import dataclass

from .plain_names import AT_TIME_ZERO

__all__ = ["portable"]

_WAKES = re.compile(rf"^  reg ({AT_TIME_ZERO}\w*) = 0;$", re.M)
_CONSTANT = re.compile(r"^  always @\*\n(    [\w\[\]:]+ = \d+'h[0-9a-f]+;\n)", re.M)
_REGISTER = re.compile(r"^(  reg (?:\[[^\]]*\] )?(\w+)) = (.*);$", re.M)
_NOTHING = re.compile(r"^  wire \[-1:0\] (\w+);\n", re.M)
_COMPARISON = re.compile(
    r"(?<= = )(\w+)(?:\[(\d+)(?::(\d+))?\])? (<|<=|>|>=) (\d+)'h([0-9a-f]+)(?=;$)", re.M
)
_VALUE = re.compile(r"(\d+)'([bh])([0-9a-fxz?]+)")
_LABEL = re.compile(rf"{_VALUE.pattern}(?:, ?{_VALUE.pattern})*:")
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


@dataclass
class _Case:
    """A ``casez`` whose end is not reached: what is known of its values."""

    full: bool
    default: bool = False
    covered: int = 0
    width: int = 0
    last: int | None = None

    @property
    def gap(self) -> bool:
        """Whether it is full although some values are not listed."""
        return self.full and not self.default and self.covered < 1 << self.width

    def list(self, label: str, line: int) -> None:
        """Take the values before a statement; the line is where they stand."""
        for width, base, digits in _VALUE.findall(label):
            free = digits.count("?") * (1 if base == "b" else 4)
            self.covered += 1 << free
            self.width = int(width)
        self.last = line


def _with_defaults(module: str) -> str:
    lines: list[str] = []
    open_cases: list[_Case] = []
    for line in module.splitlines(keepends=True):
        word = line.strip()
        if word.startswith("casez ("):
            open_cases.append(_Case("full_case" in "".join(lines[-1:])))
        elif word == "default:":
            open_cases[-1].default = True
        elif open_cases and _LABEL.fullmatch(word):
            open_cases[-1].list(word, len(lines))
        elif word == "endcase":
            case, indent = open_cases.pop(), line[: line.index("endcase")]
            if case.gap and case.last is not None:
                lines[case.last] = f"{indent}  default:\n"
            elif not (case.full or case.default):
                lines += [f"{indent}  default:\n", f"{indent}      /* empty */;\n"]
        lines.append(line)
    return "".join(lines)
