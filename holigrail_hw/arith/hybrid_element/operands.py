# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false

"""What the modes make of the operand words: which products count, and factors of floats.

A product counts if the item does, and no factor of it is zero; a NaN counts. The operands of others
are held back: the pipes see again what they saw before, so that nothing in them switches but the
gate that takes the product out of the sum.

All floats become one form, (-1)^sign * significand * 2^exponent. The 8-bit formats pass through
1-5-3, of bias 15, which holds all of both; the first pair, which shares its path with 1-6-9, goes
on to bias 31 and ten bits of significand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Mux, Value, unsigned

from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.hdl.number.sum_of_many import Addend
from holigrail_hw.hdl.number.unpacked import Span, Unpacked
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .shape import HybridShape

__all__ = ["Factor", "Modes", "counting_digits", "counting_floats", "factors", "held", "product_of"]


@dataclass(frozen=True)
class Modes:
    """The mode of an item, as bits. ``octets_backward`` has a meaning with 8-bit floats only."""

    integer: Wire
    floating: Wire
    half: Wire
    octets_backward: Wire
    int4: Wire
    int2: Wire

    @classmethod
    def of(cls, plan: Plan, mode: Wire) -> "Modes":
        """The steps that decode the port."""

        def bit(name: str, function: Callable[[Any], Any]) -> Wire:
            return plan.step(name, 1, function, mode, using=Logic())

        return cls(
            integer=bit("is_integer", lambda m: m[2] | (m[0] & m[1])),
            floating=bit("is_float", lambda m: ~(m[2] | (m[0] & m[1]))),
            half=bit("is_fp16", lambda m: ~m.any()),
            octets_backward=bit("is_backward", lambda m: m[1]),
            int4=bit("is_int4", lambda m: ~m[2] & m[0] & m[1]),
            int2=bit("is_int2", lambda m: m[2]),
        )


def counting_floats(plan: Plan, a: Wire, b: Wire, modes: Modes, enable: Wire) -> list[Wire]:
    """Whether the first and the second product of floats count."""

    def magnitudes(word: Any) -> tuple[Any, Any]:
        """Whether there is a number, or NaN, in the half and in each octet."""
        return word[:15], (word[:7], word[8:15])

    def counts(x: Any, y: Any) -> Any:
        return (x.any() & y.any()) | x.all() | y.all()

    def first(a: Any, b: Any, half: Any, floating: Any, enable: Any) -> Any:
        (p, octets), (q, others) = magnitudes(a), magnitudes(b)
        return floating & enable & Mux(half, counts(p, q), counts(octets[0], others[0]))

    def second(a: Any, b: Any, half: Any, floating: Any, enable: Any) -> Any:
        (_, octets), (_, others) = magnitudes(a), magnitudes(b)
        return floating & enable & ~half & counts(octets[1], others[1])

    operands = a, b, modes.half, modes.floating, enable
    return [
        plan.step("first_counts", 1, first, *operands, using=Logic(4, 32)),
        plan.step("second_counts", 1, second, *operands, using=Logic(3, 12)),
    ]


def counting_digits(
    plan: Plan, spec: HybridShape, a: Wire, b: Wire, modes: Modes, enable: Wire
) -> Wire:
    """Whether the product of each lane counts, one bit for each: of int2 one of both suffices."""

    def lane(x: Any, y: Any, int2: Any) -> Any:
        halves = ((x[:2], y[:2]), (x[2:], y[2:]))
        return Mux(int2, Cat(*(p.any() & q.any() for p, q in halves)).any(), x.any() & y.any())

    def all_lanes(a: Any, b: Any, int2: Any, integer: Any, enable: Any) -> Any:
        digits = [slice(4 * k, 4 * k + 4) for k in range(spec.lanes)]
        found = Cat(*(lane(Value.cast(a)[d], Value.cast(b)[d], int2) for d in digits))
        return found & (integer & enable).replicate(spec.lanes)

    operands = a, b, modes.int2, modes.integer, enable
    using = Logic(3, 5 * spec.lanes)
    return plan.step("lanes_count", spec.lanes, all_lanes, *operands, using=using)


def held(plan: Plan, name: str, a: Wire, b: Wire, loads: Wire, digits: int) -> tuple[Wire, Wire]:
    """Both words, so many bits of each as they were before for each bit of ``loads`` that is 0.

    State: what the words were with the last item. It is not waited for: what loads passes at once.
    """
    width, passed = a.width, []

    def body(plan: Plan, old: Wire, a: Wire, b: Wire, loads: Wire) -> Wire:
        def loaded(old: Any, a: Any, b: Any, loads: Any) -> Any:
            new, bits = Value.cast(Cat(a, b)), Value.cast(old)
            word = Cat(*(bit.replicate(digits) for bit in Value.cast(loads)))
            enables = Value.cast(Cat(word, word))
            return (new & enables) | (bits & ~enables)

        using = Logic(1, 2 * width)
        passed.append(plan.step(f"{name}_passed", 2 * width, loaded, old, a, b, loads, using=using))
        return passed[-1]

    plan.loop(f"{name}_held", unsigned(2 * width), body, a, b, loads)
    # The loop may have been tried several times; the last one counts.
    return (
        plan.step(f"{name}_a", width, lambda w: w[:width], passed[-1]),
        plan.step(f"{name}_b", width, lambda w: w[width:], passed[-1]),
    )


@dataclass(frozen=True)
class Factor:
    """A float taken apart; the significand is 0 for zero."""

    sign: Wire
    exponent: Wire
    significand: Wire
    nan: Wire


def factors(
    plan: Plan, spec: HybridShape, name: str, word: Wire, modes: Modes, *, backward: bool
) -> tuple[Factor, Factor]:
    """The factors of the first product (bias 31, ten bits) and of the second (bias 15, four bits).

    ``backward``: whether 8-bit floats are 1-5-2 in the backward mode.
    """
    low, high = (_octet(plan, spec, name, word, place, modes, backward) for place in (0, 8))

    def chosen(suffix: str, width: int, function: Callable, other: Wire) -> Wire:
        operands, using = (word, modes.half, other), Logic(1, width)
        return plan.step(f"{name}_{suffix}", width, function, *operands, using=using)

    # 16 more than a bias of 15 asks for.
    widened = plan.step(f"{name}_widened", 6, lambda e: Cat(e[:4], ~e[4], e[4]), low.exponent)
    first = Factor(
        chosen("sign", 1, lambda w, half, s: Mux(half, w[15], s), low.sign),
        chosen("exponent", 6, lambda w, half, e: Mux(half, w[9:15], e), widened),
        chosen(
            "significand",
            10,
            lambda w, half, s: Mux(half, Cat(w[:9], w[:15].any()), Cat(Const(0, 6), s)),
            low.significand,
        ),
        chosen("nan", 1, lambda w, half, n: Mux(half, w[:15].all(), n), low.nan),
    )
    return first, high


def _octet(
    plan: Plan, spec: HybridShape, name: str, word: Wire, place: int, modes: Modes, backward: bool
) -> Factor:
    """An 8-bit float in the form 1-5-3."""
    operands = (word, modes.octets_backward) if backward else (word, plan.constant(0, 1))

    def step(suffix: str, width: int, function: Callable, using: Any = None) -> Wire:
        def of_octet(w: Any, is_backward: Any) -> Any:
            return function(w[place : place + 8], is_backward)

        title = f"{name}{place // 8}_{suffix}"
        return plan.step(title, width, of_octet, *operands, using=using, wrap=True)

    rebias = 15 - spec.forward_bias
    return Factor(
        step("sign", 1, lambda o, is_backward: o[7]),
        step("exponent", 5, lambda o, is_b: Mux(is_b, o[2:7], o[3:7] + rebias), Adder(5)),
        step(
            "significand",
            4,
            lambda o, is_b: Cat(Mux(is_b, Cat(Const(0, 1), o[:2]), o[:3]), o[:7].any()),
            Logic(2, 6),
        ),
        step("nan", 1, lambda o, is_backward: o[:7].all(), Logic(2, 2)),
    )


def product_of(
    plan: Plan, name: str, x: Factor, y: Factor, significand: Wire, counts: Wire
) -> Addend:
    """The product as a term of a sum; ``significand``: theirs, 0 if the product does not count."""
    fields, digits = x.exponent.width, x.significand.width
    bias, high = (1 << fields - 1) - 1, (1 << fields + 1) - 2
    exponent = plan.step(
        f"{name}_exponent",
        fields + 1,
        lambda p, q: p + q,
        *(x.exponent, y.exponent),
        using=Adder(fields + 1),
    )

    def bit(suffix: str, function: Callable, *operands: Wire) -> Wire:
        return plan.step(f"{name}_{suffix}", 1, function, *operands, using=Logic())

    nan = bit("nan", lambda p, q, c: (p | q) & c, x.nan, y.nan, counts)
    number = Unpacked(
        sign=bit("sign", lambda p, q: p ^ q, x.sign, y.sign),
        significand=significand,
        exponent=exponent,
        scale=-2 * bias - 2 * (digits - 1),
        exponent_low=0,
        exponent_high=high,
        spans=(Span(0, high, 2 * digits - 2, 2 * digits - 1),),
        zero_high=high,
        nan=nan,
        special=nan,
        zero=bit("zero", lambda c: ~c, counts),
    )
    return Addend(number, 2 * digits)
