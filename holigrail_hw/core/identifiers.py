"""Names of ports and modules: what the languages of the emitted files allow."""

import re
from collections.abc import Iterable

from .errors import RequestError
from .keywords import is_keyword

__all__ = ["CLOCK", "LONGEST_NAME", "RESET", "check_name", "check_ports"]

CLOCK, RESET = "clk", "rst"
LONGEST_NAME = 128
"""The most letters of a module's name; files are called like it, with something behind."""


def check_name(who: str, name: str | None) -> None:
    """Refuse a name that a module must not have; ``None`` is right.

    Raises
    ------
    RequestError
        If it is no identifier of Verilog and VHDL, a word of Verilog, SystemVerilog or VHDL, or
        too long.
    """
    wrong = None if name is None else _misspelt(name)
    if wrong is None and name is not None and len(name) > LONGEST_NAME:
        wrong = f"have at most {LONGEST_NAME} letters, not {len(name)}"
    if wrong is not None:
        raise RequestError(f"{who}: the name of a module must {wrong}")


def _misspelt(name: str) -> str | None:
    """What an identifier must be, if this is none."""
    if not re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*", name):
        return f"be letters, digits and single '_', a letter first, not {name!r}"
    if is_keyword(name):
        return f"be no word of Verilog, SystemVerilog or VHDL, not {name!r}"
    return None


def check_ports(who: str, names: Iterable[str]) -> None:
    """Refuse names that an operator's ports must not have, all at once.

    Raises
    ------
    RequestError
        If a name is no identifier of Verilog and VHDL, a word of Verilog, SystemVerilog or VHDL,
        the name of the clock or reset, or the name of another port in upper or lower case.
    """
    wrong: list[str] = []
    seen: set[str] = set()
    for name in names:
        misspelt = _misspelt(name)
        if misspelt is not None:
            wrong.append(misspelt)
        elif name.lower() in (CLOCK, RESET):
            wrong.append(f"be other than those of clock and reset, not {name!r}")
        elif name.lower() in seen:
            wrong.append(f"differ by more than upper and lower case, not {name!r} again")
        seen.add(name.lower())
    if wrong:
        raise RequestError(
            [f"{who}: the name of a port must {text}" for text in wrong],
            hint="the names are those of inputs(), outputs() and streams()",
        )
