"""Boxes of inputs and errors of outputs as people write them."""

import json
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.layered import Layered

from .partition import Box

__all__ = ["Allowed", "allowed_errors", "boxed", "number"]

_POWER = re.compile(r"([+-]?)(\d{1,9})\^([+-]?\d{1,4})")
_DECIMAL = re.compile(r"[+-]?(\d{1,60}(\.\d{0,60})?|\.\d{1,60})(e[+-]?\d{1,3})?", re.IGNORECASE)
_RATIO = re.compile(r"[+-]?\d{1,60}/[1-9]\d{0,59}")
_LARGEST = 1 << 20

Allowed = tuple[tuple[Fraction, bool], ...]
"""For every output a number, and whether it is a share of the output's range."""


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


def boxed(text: str, network: Layered, shipped: Mapping[str, Path]) -> tuple[Box, tuple[str, ...]]:
    """The box of a text, and what it calls the inputs.

    Parameters
    ----------
    text : str
        ``LOW:HIGH`` for all inputs, or ``NAME=LOW:HIGH`` for every input, joined by commas; a name
        is a place from 0 on, or any word, if all inputs are given in order. One number alone is a
        constant. Or a file .json with an object of names and such ranges, or a name of ``shipped``.
    network : Layered
        Whose inputs these are.
    shipped : Mapping of str to Path
        Files that come with the project.

    Raises
    ------
    ModelError
        If a range is missing, empty, or outside the limits of the model: all of them.
    """
    who = network.name
    pairs = _pairs(text, shipped, who)
    if len(pairs) == 1 and not pairs[0][0]:
        pairs = [(str(i), pairs[0][1]) for i in range(network.inputs)]
    names = [name for name, _ in pairs]
    if any(not name for name in names):
        raise ModelError(f"{who}: box: every range must have a name, or there must be one for all")
    if len({*names}) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelError(f"{who}: box: {twice} must be given once, not twice")
    if all(name.isdecimal() for name in names):
        order = sorted(range(len(names)), key=lambda i: int(names[i]))
        pairs = [pairs[i] for i in order]
        wanted = [str(i) for i in range(network.inputs)]
        if [str(int(name)) for name, _ in pairs] != wanted:
            raise ModelError(
                f"{who}: box: places must be all of 0 to {network.inputs - 1}, not"
                f" {', '.join(names)}"
            )
    elif len(pairs) != network.inputs:
        raise ModelError(
            f"{who}: box: there must be a range for each of {network.inputs} inputs, in order, not"
            f" {len(pairs)}"
        )
    box, wrong = [], []
    limits = zip(*network.limits, strict=True)
    for (name, span), (least, most) in zip(pairs, limits, strict=True):
        low, high = _range(span, f"{who}: box: {name}")
        if low > high:
            wrong.append(f"{who}: box: {name} must run from its least to its greatest, not {span}")
        elif (least is not None and low < least) or (most is not None and high > most):
            ends = f"{float(least or 0):g} to {float(most or 0):g}"
            wrong.append(f"{who}: box: {name} must be within {ends}, as in the file, not {span}")
        box.append((low, high))
    if wrong:
        raise ModelError(wrong)
    return tuple(box), tuple(name for name, _ in pairs)


def _pairs(text: str, shipped: Mapping[str, Path], who: str) -> list[tuple[str, str]]:
    path = shipped.get(text, Path(text) if text.endswith(".json") else None)
    if path is None:
        parts = [part.strip() for part in text.split(",")]
        return [(n.strip() if s else "", (r if s else n).strip())
                for n, s, r in (part.partition("=") for part in parts)]
    try:
        if not 0 < path.stat().st_size < _LARGEST:
            raise ValueError
        found = json.loads(path.read_text(encoding="utf-8"))
        ranges = found["box"] if isinstance(found.get("box"), dict) else found
        return [(str(name), _span(value)) for name, value in ranges.items()]
    except OSError as error:
        raise ModelError(f"{who}: box: the file must be readable: {error.strerror}") from None
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise ModelError(
            f"{who}: box: {path.name} must be an object of names and ranges as \"27:31\""
        ) from None


def _span(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _range(text: str, who: str) -> tuple[Fraction, Fraction]:
    low, colon, high = text.partition(":")
    first = number(low, who)
    return first, number(high, who) if colon else first


def allowed_errors(text: str, outputs: int, who: str) -> Allowed:
    """Errors of all outputs: one for all, or one for each, joined by commas; 1% is a share.

    Raises
    ------
    ModelError
        If there are others, or one is not above 0.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (1, outputs):
        raise ModelError(
            f"{who}: error: there must be one for all or one for each of {outputs} outputs, not"
            f" {len(parts)}"
        )
    found = []
    for part in parts:
        share = part.endswith("%")
        value = number(part.removesuffix("%"), f"{who}: error")
        if value <= 0:
            raise ModelError(f"{who}: error: it must be above 0, not {part}")
        found.append((value / 100 if share else value, share))
    return tuple(found * outputs if len(found) == 1 else found)


def settled_errors(
    allowed: Allowed, ranges: Sequence[tuple[float, float]], who: str
) -> tuple[Fraction, ...]:
    """Errors as numbers; shares count of ranges that samples reach, which are never too wide.

    Raises
    ------
    ModelError
        If an output with a share does not vary.
    """
    found = []
    for index, ((value, share), (low, high)) in enumerate(zip(allowed, ranges, strict=True)):
        if share and not low < high:
            raise ModelError(f"{who}: error: output {index} must vary for a share of its range")
        found.append(value * Fraction(high - low) if share else value)
    return tuple(found)
