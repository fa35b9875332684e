"""Plain identifiers in the Verilog of Yosys: ``\\$12`` becomes ``n12``, ``\\a.sign`` ``a_sign``.

No identifier is a word of Verilog, SystemVerilog or VHDL: ``signal`` becomes ``n_signal``. A port
has the same name in its module and at every instance; other names are unique within their module.
"""

import re
from collections.abc import Iterable, Mapping

from holigrail_hw.core.keywords import VERILOG, is_keyword

__all__ = ["AT_TIME_ZERO", "plain", "renamed"]

AT_TIME_ZERO = "at_time_zero"
"""What the register is called whose only event, at time zero, lets every ``always @*`` run."""

# Whatever holds words that are no identifiers is matched first, and left alone.
_WORD = re.compile(
    r"""
    "(?:[^"\\]|\\.)*" | /\*.*?\*/ | //[^\n]* | 's?[bodh][0-9a-fxz?_]+
    | \\(?P<escaped>\S+)[ ] | (?<![\w$]) (?P<simple>[a-z_]\w*)
    """,
    re.I | re.S | re.X,
)
_PORT = re.compile(r"^  (?:input|output|inout) (?:\[[^\]]*\] )?(?:\\(\S+) |(\w+));$", re.M)


def plain(name: str) -> str:
    """A plain identifier for any name."""
    if name.startswith("$auto$verilog_backend"):
        return AT_TIME_ZERO
    text = re.sub(r"\W+", "_", name.replace("$", "_")).strip("_")
    if is_keyword(text):
        return f"n_{text}"
    return text if text[:1].isalpha() else f"n{text}"


def renamed(modules: list[str], known: dict[str, str]) -> list[str]:
    """Modules with plain names instead of escaped ones and of words of a language.

    Parameters
    ----------
    modules : list of str
        As Yosys writes them; the first is the top module, whose ports keep their names.
    known : dict
        Plain names of modules, by their names in the text.
    """
    ports = [escaped or simple for module in modules for escaped, simple in _PORT.findall(module)]
    names = known | _chosen(ports, set().union(*(_words(module)[1] for module in modules)))
    texts = []
    for module in modules:
        escaped, simple = _words(module)
        inside = [name for name in escaped + sorted(simple) if name not in names]
        chosen = names | _chosen(inside, simple | {*names.values()})
        texts.append(_WORD.sub(lambda match, chosen=chosen: _plain_word(match, chosen), module))
    return texts


def _words(module: str) -> tuple[list[str], set[str]]:
    """The identifiers of a module that are escaped, and those that are not."""
    found = [*_WORD.finditer(module)]
    simple = {match["simple"] for match in found if match["simple"]}
    return [match["escaped"] for match in found if match["escaped"]], simple - VERILOG


def _chosen(names: Iterable[str], used: set[str]) -> dict[str, str]:
    """New names where one is needed, different from those in use and from each other."""
    used, chosen = {*used}, {}
    for name in dict.fromkeys(names):
        base = wanted = plain(name)
        count = 1
        while wanted != name and wanted in used:
            count += 1
            wanted = f"{base}_{count}"
        if wanted != name:
            used.add(wanted)
            chosen[name] = wanted
    return chosen


def _plain_word(match: re.Match[str], chosen: Mapping[str, str]) -> str:
    """Yosys escapes words of Verilog where they are names."""
    name = match["escaped"] or match["simple"]
    if name is None or match["simple"] in VERILOG:
        return match.group()
    return chosen.get(name, name)
