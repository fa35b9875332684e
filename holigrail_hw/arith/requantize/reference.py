"""Requantisation as one expression at full width, for proofs; shares nothing with the datapath."""

from collections.abc import Mapping
from typing import Any

from amaranth import Const, Mux, signed

from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

__all__ = ["naive_requantize"]


def naive_requantize(
    spec: Any, bounds: tuple[int, int], plan: Plan, **wires: Wire
) -> Mapping[str, Wire]:
    """Requantisation without a scale: mode shift of the operator ``spec``, any bounds."""
    names = list(wires)
    low, high = bounds
    # In units of 2^-places of the result every shift is one to the left.
    places = max(spec.shift + (1 << spec.shift_width) - 1, 1)

    def answer(*values: Any) -> Any:
        port = dict(zip(names, values, strict=True))
        value = port["x"]
        if spec.bias == "accumulator":
            value = (value + port["bias"])[: spec.accumulator.width]
            value = value.as_signed() if spec.accumulator.signed else value
        elif spec.bias == "product":
            value = value + port["bias"]
        zero_point = port.get("zero_point", Const(spec.zero_point or 0, signed(18)))
        before = spec.zero_point_added == "before"
        distance = (places - spec.shift - port.get("shift", Const(0, 1))).as_unsigned()
        total = (value << distance[: places.bit_length() + 1]) + Const(0, signed(places + 2))
        total += zero_point.shift_left(places) if before else 0
        negative: Any = total < 0
        magnitude = Mux(negative, -total, total).as_unsigned()
        quotient, rest = magnitude[places:], magnitude[:places]
        half, below = rest[-1], rest[:-1].any()
        odd: Any = quotient[0]
        grows = {
            "nearest_even": half & (below | odd),
            "nearest_away": half,
            "nearest_zero": half & below,
            "nearest_up": half & (below | ~negative),
            "toward_zero": Const(0, 1),
            "away_from_zero": rest.any(),
            "up": rest.any() & ~negative,
            "down": rest.any() & negative,
            "to_odd": rest.any() & ~odd,
        }[spec.rounds]
        grown = quotient + grows
        y = Mux(negative, -grown, grown) + (0 if before else zero_point)
        least, most = port.get("minimum", low), port.get("maximum", high)
        if spec.relu:
            least = Mux(zero_point > least, zero_point, least)
        return Mux(y > most, most, Mux(y < least, least, y))

    shape = shape_of(spec.result)
    return {"result": plan.step("result", shape, answer, *wires.values(), wrap=True)}
