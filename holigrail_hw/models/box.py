"""Boxes of inputs as people write them: ``-1:1`` for all, or ``30,1.4,v_ego=27:31``; or a file."""

import json
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from .errors import ModelError

__all__ = ["Range", "number", "ranges_of"]

_POWER = re.compile(r"([+-]?)(\d{1,9})\^([+-]?\d{1,4})")
_DECIMAL = re.compile(r"[+-]?(\d{1,60}(\.\d{0,60})?|\.\d{1,60})(e[+-]?\d{1,3})?", re.IGNORECASE)
_RATIO = re.compile(r"[+-]?\d{1,60}/[1-9]\d{0,59}")
_LARGEST = 1 << 20

Range = tuple[Fraction, Fraction]


def number(text: str, who: str) -> Fraction:
    """A decimal, a ratio or a power such as 2^-8, exactly.

    Raises
    ------
    ModelError
        If it is none of these.
    """
    text = text.strip()
    power = _POWER.fullmatch(text)
    if power:
        sign, base, exponent = power.groups()
        if int(base):
            return Fraction(-1 if sign == "-" else 1) * Fraction(int(base)) ** int(exponent)
    if _DECIMAL.fullmatch(text) or _RATIO.fullmatch(text):
        return Fraction(text)
    raise ModelError(f"{who}: a number must be as 0.01, 1/3 or 2^-8, not {text[:40]!r}")


def ranges_of(
    text: str,
    inputs: int,
    who: str,
    *,
    names: Sequence[str] = (),
    shipped: Mapping[str, Path] | None = None,
) -> tuple[tuple[Range, ...], tuple[str, ...]]:
    """The range of every input, exactly, and what the text calls them.

    Parameters
    ----------
    text : str
        Ranges ``LOW:HIGH``, or one number alone, joined by commas; one without a name serves all
        inputs. ``NAME=`` says which input is meant: a place from 0 on, or one of ``names``. Without
        these any word will do, if all inputs are given in order. Or a file .json with an object of
        names and such ranges, or a word of ``shipped``.
    inputs : int
        How many there are.
    who : str
        Whose box this is, for messages.
    names : sequence of str
        What the inputs are called, if that is known.
    shipped : Mapping of str to Path or None
        Files that come with the project.

    Raises
    ------
    ModelError
        If a range is missing, twice there, no range, or the wrong way round: all of these.
    """
    pairs = _pairs(text, shipped or {}, who)
    if len(pairs) == 1 and not pairs[0][0]:
        pairs = [("", pairs[0][1])] * inputs
    if len(pairs) != inputs and not all(name.isdecimal() for name, _ in pairs):
        raise ModelError(
            f"{who}: there must be a range for each of {inputs} inputs, not {len(pairs)}"
        )
    found: dict[int, tuple[str, str]] = {}
    for index, (name, span) in enumerate(pairs):
        place = _place(name, index, names, who)
        label = name or (names[index] if names else str(index))
        if place in found:
            raise ModelError(f"{who}: {label} must be given once, not twice")
        found[place] = label, span
    if sorted(found) != [*range(inputs)]:
        places = ", ".join(map(str, sorted(found)))
        raise ModelError(f"{who}: places must be all of 0 to {inputs - 1}, not {places}")
    labels = tuple(found[place][0] for place in range(inputs))
    if len({*labels}) < len(labels):
        twice = next(name for name in labels if labels.count(name) > 1)
        raise ModelError(f"{who}: {twice} must be given once, not twice")
    spans = [found[place][1] for place in range(inputs)]
    ranges = [_range(span, f"{who}: {n}") for n, span in zip(labels, spans, strict=True)]
    wrong = [
        f"{who}: {name} must run from its least to its greatest, not {span}"
        for name, span, (low, high) in zip(labels, spans, ranges, strict=True)
        if low > high
    ]
    if wrong:
        raise ModelError(wrong)
    return tuple(ranges), labels


def _place(name: str, index: int, names: Sequence[str], who: str) -> int:
    if name in names:
        return [*names].index(name)
    if name.isdecimal():
        return int(name)
    if name and names:
        raise ModelError(f"{who}: an input must be one of {', '.join(names)}, not {name}")
    return index


def _pairs(text: str, shipped: Mapping[str, Path], who: str) -> list[tuple[str, str]]:
    path = shipped.get(text, Path(text) if text.endswith(".json") else None)
    if path is None:
        parts = [part.strip() for part in text.split(",")]
        return [
            (n.strip() if s else "", (r if s else n).strip())
            for n, s, r in (part.partition("=") for part in parts)
        ]
    try:
        if not 0 < path.stat().st_size < _LARGEST:
            raise ValueError
        found = json.loads(path.read_text(encoding="utf-8"))
        ranges = found["box"] if isinstance(found.get("box"), dict) else found
        return [(str(name), _span(value)) for name, value in ranges.items()]
    except OSError as error:
        raise ModelError(f"{who}: the file must be readable: {error.strerror}") from None
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise ModelError(
            f'{who}: {path.name} must be an object of names and ranges as "27:31"'
        ) from None


def _span(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _range(text: str, who: str) -> tuple[Fraction, Fraction]:
    low, colon, high = text.partition(":")
    first = number(low, who)
    return first, number(high, who) if colon else first
