# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportOperatorIssue=false

"""Posits in circuits to prove against (:mod:`holigrail_hw.hdl.reference`): naive, nothing shared.

A code is read run by run: for every length of the regime, exponent and fraction stand at known
places. A result is written place by place: for every place where the leading one may be, regime and
exponent are constants, and the bit string without a limit is these and the bits below that one.
What lies behind the width decides about rounding (Standard for Posit Arithmetic, 2022).
"""

from collections.abc import Iterator
from typing import Any

from amaranth import Cat, Const, Mux, Value

from holigrail_hw.formats import Rounding
from holigrail_hw.formats.scalar.posit import PositFormat

from ..plan.plan import Plan
from ..reference import (
    COMPARE,
    DECODE,
    PROJECT,
    Number,
    any_above,
    any_below,
    compare,
    grows,
    let,
)

__all__: list[str] = []


@DECODE.rule(PositFormat)
def _decoded(plan: Plan, format: PositFormat, code: Any) -> Number:
    bits, digits, size = Value.cast(code), format.width - 1, format.exponent_width
    negative, is_nar = bits[-1], let(plan, "nar", bits == format.nar_code)
    body = let(plan, "body", Mux(negative, -bits, bits)[:digits])
    places = max(digits - 2 - size, 0)
    significand, shift = Const(0, places + 1), Const(0, 1)
    for one, run in _runs(digits):
        # The run, and the bit that ends it unless the code does.
        top = body[digits - run :]
        found = top.all() if one else ~top.any()
        left = max(digits - run - 1, 0)
        if run < digits:
            found = found & (body[left] != one)
        elif not one:
            continue
        regime = run - 1 if one else -run
        kept = max(left - size, 0)
        exponent = Cat(Const(0, max(size - left, 0)), body[kept:left])
        fraction = Cat(Const(0, places - kept), body[:kept], Const(1, 1))
        least = (regime << size) + format.largest_exponent
        significand = let(plan, "significand", Mux(found, fraction, significand))
        shift = let(plan, "shift", Mux(found, least + exponent, shift))
    none = is_nar | ~body.any()
    significand = let(plan, "significand", Mux(none, 0, significand))
    shift = let(plan, "shift", Mux(none, 0, shift))
    place = -format.largest_exponent - places
    return Number(negative & ~is_nar, significand, shift, place, is_nar, Const(0, 1))


def _runs(digits: int) -> Iterator[tuple[int, int]]:
    """The bit of a regime, and how often it stands there."""
    return ((one, run) for one in (0, 1) for run in range(1, digits + 1))


@PROJECT.rule(PositFormat)
def _projected(
    plan: Plan,
    format: PositFormat,
    x: Number,
    rounding: Rounding,
    random: Any,
    overflow: str | None,
) -> Any:
    digits, end = format.width - 1, format.largest_exponent
    whole = let(plan, "whole", x.magnitude(plan))
    width = len(whole)
    leading = let(plan, "leading", whole & ~any_above(plan, whole, width))
    lower = any_below(plan, whole, width)
    first = max(rounding.guard(0 if random is None else len(Value.cast(random))), 1)
    columns: list[list[Any]] = [[] for _ in range(digits + first + 1)]
    for place in range(width):
        exponent = place + x.place
        if -end <= exponent < end:
            known = _prefix(exponent, format.exponent_width)
            string = [*(Const(bit, 1) for bit in known), *_below(whole, place)]
            behind = string[digits + first :]
            string += [Const(0, 1)] * (digits + first - len(string))
            # Of what is behind, bits of the number are the lowest; others are constants.
            rest = min(len(behind), place)
            sticky = lower[rest - 1] if rest else Const(0, 1)
            if any(known[digits + first :]):
                sticky = Const(1, 1)
            ends = [*string[: digits + first], sticky]
            for column, bit in zip(columns, ends, strict=True):
                column.append(leading[place] & bit)
    found = [let(plan, "bit", Cat(*column).any()) for column in columns]
    kept = Cat(*reversed(found[:digits]))
    up = grows(rounding, x.negative, kept[0], found[digits:], random)
    body = let(plan, "rounded", kept + up)
    largest = format.nar_code - 1
    high, low = max(end - x.place, 0), min(max(-end - x.place, 0), width)
    too_large = leading[high:].any() if high < width else Const(0, 1)
    too_small = leading[:low].any()
    body = Mux(too_large | body[digits], largest, Mux(too_small, 1, body[:digits]))
    body = let(plan, "body", body[:digits])
    code = Mux(whole.any(), Mux(x.negative, -body, body), 0)
    return Mux(x.nan | x.infinite, format.nar_code, code)[: format.width]


@COMPARE.rule(PositFormat, PositFormat)
def _compared(plan: Plan, x: Number, y: Number, *, alike: bool = False) -> dict[str, Any]:
    """NaR is equal to itself, and less than every number."""
    found = compare(plan, x, y, alike=alike)
    return {
        "less": found["less"] | (x.nan & ~y.nan),
        "equal": found["equal"] | (x.nan & y.nan),
        "greater": found["greater"] | (y.nan & ~x.nan),
        "unordered": Const(0, 1),
    }


def _prefix(exponent: int, size: int) -> list[int]:
    """Regime and exponent bits of numbers from 2^exponent on, from the top."""
    regime, rest = exponent >> size, exponent & ((1 << size) - 1)
    bits = [0] * -regime + [1] if regime < 0 else [1] * (regime + 1) + [0]
    return bits + [rest >> place & 1 for place in reversed(range(size))]


def _below(whole: Any, place: int) -> list[Any]:
    """The bits below a place, from the top."""
    return [whole[index] for index in reversed(range(place))]
