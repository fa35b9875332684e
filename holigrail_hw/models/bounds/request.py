"""Boxes of inputs and errors of outputs as people write them."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from holigrail_hw.models.box import number, ranges_of
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.layered import Layered

from .partition import Box

__all__ = ["Allowed", "allowed_errors", "boxed"]


Allowed = tuple[tuple[Fraction, bool], ...]
"""For every output a number, and whether it is a share of the output's range."""


def boxed(text: str, network: Layered, shipped: Mapping[str, Path]) -> tuple[Box, tuple[str, ...]]:
    """The box of a text (:func:`.box.ranges_of`), and what it calls the inputs.

    Raises
    ------
    ModelError
        If the text is none, or a range lies outside the limits of the model: all of them.
    """
    who = f"{network.name}: box"
    box, names = ranges_of(text, network.inputs, who, shipped=shipped)
    wrong = []
    limits = zip(*network.limits, strict=True)
    for name, (low, high), (least, most) in zip(names, box, limits, strict=True):
        if (least is not None and low < least) or (most is not None and high > most):
            ends = f"{float(least or 0):g} to {float(most or 0):g}"
            span = f"{float(low):g} to {float(high):g}"
            wrong.append(f"{who}: {name} must be within {ends}, as in the file, not {span}")
    if wrong:
        raise ModelError(wrong)
    return box, names


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
