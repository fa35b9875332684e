"""Requantisation at full width, for proofs; shares nothing with the datapath.

Sum, product, and a division by a power of two whose rounding is decided on the magnitude. The two
roundings of modes double and either are written as in gemmlowp's fixedpoint.h: add half, truncate;
divide.
"""

from collections.abc import Mapping
from typing import Any

from amaranth import Const, Mux, Value, signed

from holigrail_hw.hdl import reference
from holigrail_hw.hdl.plan.plan import Plan, Wire

__all__ = ["naive_requantize"]


def naive_requantize(
    spec: Any, bounds: tuple[int, int], plan: Plan, **wires: Wire
) -> Mapping[str, Wire]:
    """The answer of the operator ``spec``, in every mode, for any bounds."""
    # In units of 2^-places of the result every shift is one to the left.
    places = max(spec.shift + (1 << spec.shift_width) - 1, 1)

    def answer(plan: Plan, **port: Any) -> dict[str, Any]:
        value, amount = port["x"], port.get("shift", Const(0, 1))
        if spec.bias == "accumulator":
            value = (value + port["bias"])[: spec.accumulator.width]
            value = value.as_signed() if spec.accumulator.signed else value
        whole = value
        if spec.rounds_twice:
            value, amount = _high_product(spec, plan, value, port)
        elif spec.mode == "single":
            value = reference.product(plan, value, _scale(spec, port))
        if spec.bias == "product":
            value = value + port["bias"]
        zero_point = port.get("zero_point", Const(spec.zero_point or 0, signed(18)))
        before = spec.zero_point_added == "before" and not spec.rounds_twice
        distance = (places - (0 if spec.rounds_twice else spec.shift) - amount).as_unsigned()
        total = (value << distance[: places.bit_length() + 1]) + Const(0, signed(places + 2))
        total = _named(plan, "total", total + (zero_point.shift_left(places) if before else 0))
        y = _named(plan, "rounded", _rounded(spec.rounds, total, places))
        if spec.mode == "either":
            once = _single_rounding(spec, plan, whole, port)
            y = _named(plan, "chosen", Mux(port["once"], once, y))
        y = y + (0 if before else zero_point)
        low, high = bounds
        least, most = port.get("minimum", low), port.get("maximum", high)
        if spec.relu:
            least = Mux(zero_point > least, zero_point, least)
        return {"result": Mux(y > most, most, Mux(y < least, least, y))}

    return reference.circuit(spec.inputs(), spec.outputs(), answer)(plan, **wires)


def _named(plan: Plan, name: str, value: Any) -> Any:
    value = Value.cast(value)
    return plan.step(name, value.shape(), lambda: value).value


def _scale(spec: Any, port: Mapping[str, Any]) -> Any:
    return port["scale"] if spec.scale is None else Const(spec.scale, spec.scale_width)


def _high_product(spec: Any, plan: Plan, value: Any, port: Mapping[str, Any]) -> tuple[Any, Any]:
    """gemmlowp's saturating rounding doubling high multiply, and the shift that is left to do."""
    shift = _named(plan, "shift", spec.shift + Value.cast(port.get("shift", Const(0, 1))))
    left, right = Mux(shift < 0, -shift, 0).as_unsigned(), Mux(shift < 0, 0, shift).as_unsigned()
    if spec.shift < 0:
        value = _named(plan, "shifted", value << left[: (-spec.shift).bit_length()])
    product = reference.product(plan, value, _scale(spec, port))
    half = 1 << (spec.scale_width - 1)
    nudged = _named(plan, "nudged", product + Mux(product < 0, 1 - half, half))
    magnitude: Any = Mux(nudged < 0, -nudged, nudged).as_unsigned()[spec.scale_width :]
    return _named(plan, "high", Mux(nudged < 0, -magnitude, magnitude)), right


def _single_rounding(spec: Any, plan: Plan, value: Any, port: Mapping[str, Any]) -> Any:
    """The same product, rounded once at scale_width and the whole shift."""
    shift = spec.shift + Value.cast(port.get("shift", Const(0, 1)))
    places = max(spec.scale_width + spec.shift + (1 << spec.shift_width) - 1, 1)
    distance = (places - spec.scale_width - shift).as_unsigned()
    product = reference.product(plan, value, _scale(spec, port))
    bits = (places - spec.scale_width - spec.shift).bit_length() or 1
    total = (product << distance[:bits]) + Const(0, signed(places + 2))
    return _rounded("nearest_up", _named(plan, "single", total), places)


def _rounded(mode: str, total: Any, places: int) -> Any:
    """total / 2^places, rounded by looking at the magnitude."""
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
    }[mode]
    grown = quotient + grows
    return Mux(negative, -grown, grown)
