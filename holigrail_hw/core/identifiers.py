"""Names of ports: what the languages of the emitted files allow."""

import re
from collections.abc import Iterable

from .errors import RequestError
from .keywords import is_keyword

__all__ = ["CLOCK", "RESET", "check_ports"]

CLOCK, RESET = "clk", "rst"


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
        if not re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*", name):
            wrong.append(f"be letters, digits and single '_', a letter first, not {name!r}")
        elif is_keyword(name):
            wrong.append(f"be no word of Verilog, SystemVerilog or VHDL, not {name!r}")
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
