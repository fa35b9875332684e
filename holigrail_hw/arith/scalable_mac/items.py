"""Items of a precision-scalable unit from vectors of integers: operands packed by mode."""

from typing import Any

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.values import codes_of
from holigrail_hw.formats import FixedFormat

from .packing import pack
from .shape import ScalableMacShape
from .structures import Mode

__all__ = ["checked_integers", "checked_mode", "items_of"]


def items_of(
    spec: ScalableMacShape, mode: Mode, activations: Any, weights: Any
) -> dict[str, list[int]]:
    """Items that add up the products of two vectors in a fresh sum of the unit's own order.

    Where sums are apart, every sum gets the products of its own elements, in order. Short vectors
    are filled up with zeros.

    Raises
    ------
    RequestError
        The unit does not have the mode, or the mode does not hold a number.
    """
    who = spec.name
    checked_mode(who, spec, mode)
    activations = checked_integers(
        activations, mode.activation, spec.signed_activations, f"{who}: activations of mode {mode}"
    )
    weights = checked_integers(
        weights, mode.weight, spec.signed_weights, f"{who}: weights of mode {mode}"
    )
    if spec.kind.serial:
        return _steps_of(spec, mode, activations, weights)
    code = spec.mode_list.index(mode)
    found = spec.packings[code]
    counts = len(found.activations), len(found.weights)
    turns = max(1, *(-(-len(v) // n) for v, n in zip((activations, weights), counts, strict=True)))
    words = []
    for places, values in zip(
        (found.activations, found.weights), (activations, weights), strict=True
    ):
        n = len(places)
        full = [*values, *[0] * (turns * n - len(values))]
        words.append([pack(places, full[t * n : (t + 1) * n]) for t in range(turns)])
    items = {"activation": words[0], "weight": words[1]}
    if spec.mode_width:
        items["mode"] = [code] * turns
    return items | {"clear": [1, *[0] * (turns - 1)]}


def checked_mode(who: str, spec: ScalableMacShape, mode: Mode) -> None:
    """Raise RequestError unless a unit has a mode; a serial one has any up to its width."""
    if spec.kind.serial:
        if not all(1 <= width <= spec.width for width in (mode.activation, mode.weight)):
            raise RequestError(
                f"{who}: the operands of a mode must have 1 to {spec.width} bits, not {mode}"
            )
    elif mode not in spec.mode_list:
        every = ", ".join(map(str, spec.mode_list))
        raise RequestError(f"{who}: the mode must be one of {every}, not {mode}")


def checked_integers(values: Any, width: int, signed: bool, who: str) -> list[int]:
    """The integers of a vector; raises RequestError for one that does not fit."""
    try:
        codes_of(values, FixedFormat(width, signed, 0), who)
    except RequestError as error:
        # Its hint names options that there are not here.
        raise RequestError(error.violations) from None
    return [int(value) for value in values]


def _steps_of(
    spec: ScalableMacShape, mode: Mode, activations: list[int], weights: list[int]
) -> dict[str, list[int]]:
    """Pairs of digits of falling weight; ``advance`` comes with the first of each weight."""
    digit, lanes = spec.digit, spec.lanes
    turns = max(1, *(-(-len(values) // lanes) for values in (activations, weights)))
    a_digits = -(-mode.activation // digit) if spec.kind.serial == 2 else 1
    w_digits = -(-mode.weight // digit)
    pairs = sorted(
        ((i, j) for i in range(a_digits) for j in range(w_digits)), key=lambda p: -p[0] - p[1]
    )
    items: dict[str, list[int]] = {name: [] for name in spec.inputs()}
    before = pairs[0]
    for i, j in pairs:
        for turn in range(turns):
            part = slice(turn * lanes, (turn + 1) * lanes)
            for name, values, at, size in (
                ("activation", activations, i, spec.activation_digit),
                ("weight", weights, j, digit),
            ):
                fields = [(v >> at * digit) & ((1 << size) - 1) for v in values[part]]
                items[name].append(sum(f << k * size for k, f in enumerate(fields)))
            fresh = turn == 0 and i + j < before[0] + before[1]
            items["advance"].append(int(fresh))
            items["clear"].append(int((i, j) == pairs[0] and turn == 0))
            for name, at, count in (("activation", i, a_digits), ("weight", j, w_digits)):
                if spec.tops[name]:
                    items[f"top_{name}"].append(int(at == count - 1))
        before = i, j
    return items
