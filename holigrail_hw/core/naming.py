"""Names of modules: readable, short, and different wherever the hardware is.

A name is the operator, the parameters that differ from their defaults, the timing request and the
shell, for instance ``mac_fp8_e4m3_fp8_e4m3_fp16_60ns_ice40up5k_stream``. Each part can be told from
what follows it, so that two requests share a name only if they ask for the same hardware: formats
stand alone, everything else behind its parameter's name, a part's behind that alone
if nothing else is called so; ``-`` is written ``n``, a decimal point
``p``, and the items of a list, or what commas separate, by ``_``.

A digest of all parameters stands behind the readable ones where these do not say everything: where
they would be too long, where a parameter holds tables, and where the hardware also depends on what
a search found.
"""

import enum
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from holigrail_hw.formats import Format

from .parameters import GivenFile, Parameter, to_text
from .timing import Timing

__all__ = ["LONGEST", "module_name"]

LONGEST = 64
"""The most letters of a name before its timing and its shell."""

_DIGEST = 12


def module_name(
    operator: str,
    parameters: Iterable[tuple[Parameter, Any]],
    timing: Timing,
    outcome: str | None = None,
) -> str:
    """The name of the module that a request asks for.

    Parameters
    ----------
    operator : str
        Its name in kebab-case.
    parameters : iterable of (Parameter, value)
        Those that change the hardware, in the order in which they are to be read.
    timing : Timing
    outcome : str or None
        What a search found, where the parameters alone do not say what the hardware is.
    """
    known = _named(parameters)
    words, complete = _words(operator, known)
    if not complete or outcome is not None or len("_".join(words)) > LONGEST:
        content = [operator, {p.name: _plain(value) for p, value in known}, outcome]
        text = json.dumps(content, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
        words = [*_shortened(words, LONGEST - _DIGEST - 1), digest]
    return "_".join([*words, *_timing_words(timing)])


def _named(parameters: Iterable[tuple[Parameter, Any]]) -> list[tuple[Parameter, Any]]:
    """The parameters under the words they have in names, no two of them alike."""
    known = [*parameters]
    words = [parameter.word or parameter.name for parameter, _ in known]
    return [
        (replace(p, name=word if words.count(word) == 1 else p.name.replace(".", "_")), value)
        for (p, value), word in zip(known, words, strict=True)
    ]


def _words(operator: str, parameters: list[tuple[Parameter, Any]]) -> tuple[list[str], bool]:
    """The readable parts, and whether they say everything.

    Formats are told apart by their order; behind an optional one that is missing they need names.
    """
    words, complete, in_order = [operator.replace("-", "_")], True, True
    for parameter, value in parameters:
        if parameter.type is Format and parameter.optional and value is None:
            in_order = False
        elif (
            isinstance(value, Format)
            and (in_order or not parameter.optional)
            and parameter.word is None
        ):
            words.append(_letters(value.name))
            continue
        if value == parameter.default:
            continue
        text, exact = _value(parameter, value)
        complete = complete and exact
        words += [parameter.name, *text.split("_")] if text else [parameter.name]
    return words, complete


def _value(parameter: Parameter, value: Any) -> tuple[str, bool]:
    """A value in letters, and whether these say all of it."""
    if isinstance(value, tuple):
        return _numbers(value)
    if isinstance(value, GivenFile):
        return value.word, False
    text = value.name if isinstance(value, Format) else to_text(value)
    if isinstance(value, str | enum.Enum):
        forms = {_letters(to_text(choice)) for choice in parameter.choices}
        told_apart = len(forms) == len(parameter.choices) and value in parameter.choices
        return _letters(text.replace("-", "_")), told_apart
    return _letters(text), value is None or isinstance(value, bool | int | Format)


def _numbers(value: tuple[Any, ...]) -> tuple[str, bool]:
    """A list by its items, one row as a list, and tables by their sizes only."""
    if len(value) == 1 and isinstance(value[0], tuple) and not _is_table(value[0]):
        value = value[0]
    if not value:
        return "", False
    if any(isinstance(item, Fraction) for item in value):
        return str(len(value)), False
    if not _is_table(value):
        return "_".join(_letters(str(item)) for item in value), True
    tables = value if _is_table(value[0]) else (value,)
    return "_".join(f"{len(table)}x{max(map(len, table), default=0)}" for table in tables), False


def _is_table(value: Any) -> bool:
    return bool(value) and isinstance(value[0], tuple)


def _letters(text: str) -> str:
    return text.replace("-", "n").replace(".", "p").replace(",", "_")


def _shortened(words: list[str], room: int) -> list[str]:
    """As many whole words as there is room for, at least the first."""
    count = len(words)
    while count > 1 and len("_".join(words[:count])) > room:
        count -= 1
    return words[:count]


def _timing_words(timing: Timing) -> list[str]:
    words = []
    if timing.period_ns is not None:
        words.append(_clock(float(timing.period_ns)))
    if timing.latency is not None:
        words.append(f"l{timing.latency}")
    if timing.device != Timing.device:
        words.append(timing.device)
    if timing.shell != Timing.shell:
        words.append(timing.shell.replace("-", "_"))
    if timing.wait_cycles is not None:
        words.append(f"wait{timing.wait_cycles}")
    return words


def _clock(period_ns: float) -> str:
    """A period in ns, or as a frequency if only that is a short number; exact either way."""
    for number, unit in ((period_ns, "ns"), (1000 / period_ns, "mhz")):
        text = f"{number:g}"
        exact = float(text) if unit == "ns" else 1000 / float(text)
        if exact == period_ns and "e" not in text:
            return f"{_letters(text)}{unit}"
    return f"{_letters(repr(period_ns).replace('+', ''))}ns"


def _plain(value: Any) -> Any:
    """A value as JSON takes it, different for different values of one parameter."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Format):
        return value.name
    if isinstance(value, GivenFile):
        return [value.name, value.digest]
    return value if isinstance(value, bool | int | None) else to_text(value)
