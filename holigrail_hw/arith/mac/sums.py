"""Hardware of running sums that are rounded, or exact; loops keep codes of the accumulator."""

from collections.abc import Callable
from functools import partial

from amaranth import Cat, Mux, Value, unsigned

from holigrail_hw.estimate.primitives import Adder, Logic, Multiplexer
from holigrail_hw.formats import FixedFormat, Format, Rounding
from holigrail_hw.hdl.number.exact_accumulator import (
    code_with_flags,
    exact_accumulator,
    with_flags,
)
from holigrail_hw.hdl.number.float_accumulator import float_accumulator
from holigrail_hw.hdl.number.project import project, project_integer
from holigrail_hw.hdl.number.sum_of_many import Addend, digits_of, windowed_sum_of
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .shape import MacShape
from .terms import Term, chosen, combine, parts, started, term_of, zeros, zeros_of

__all__ = ["exact_sum", "place_in_chunk", "rounded_sum", "summed_chunks"]


def exact_sum(
    spec: MacShape,
    plan: Plan,
    a: Wire,
    b: Wire,
    clear: Wire,
    enable: Wire,
    random: Wire | None = None,
) -> Wire:
    """The code of the exact sum, rounded when it is read."""
    total, flags = exact_accumulator(
        plan, (a, spec.a), (b, spec.b), clear, enable, spec.register, spec.multiplier
    )
    how = {"rounding": spec.rounding, "random": random, "overflow": spec.overflow}
    if isinstance(spec.accumulator, FixedFormat) and not spec.rounding.is_stochastic:
        # Rounded as it stands: no magnitude is taken, and no sign put back.
        code = project_integer(plan, spec.accumulator, total, spec.register.fraction_width, **how)
        if flags is None:
            return code
        return code_with_flags(plan, spec.accumulator, code, flags, spec.overflow)
    number = unpack(plan, spec.register, total, "sum")
    if flags is not None:
        number = with_flags(plan, number, flags)
    return project(plan, spec.accumulator, number, **how)


def rounded_sum(
    spec: MacShape,
    plan: Plan,
    a: Wire,
    b: Wire,
    clear: Wire,
    enable: Wire,
    random: Wire | None = None,
    product_random: Wire | None = None,
) -> Wire:
    """The code of a sum that is rounded on its way; all but a window has no loss but rounding."""
    term = term_of(spec, plan, a, b, product_random)
    if spec.accumulation == "window":
        return _windowed(spec, plan, term, clear, enable, random)
    if spec.accumulation == "chunked":
        return plan.evenly(lambda: _chunked(spec, plan, term, clear, enable))
    if spec.accumulation == "kahan":
        return _compensated(spec, plan, term, clear, enable)
    if term.number is None:
        return _stepwise(spec, plan, term, clear, enable)
    how = (spec.accumulator, spec.rounding, random, spec.overflow)
    return float_accumulator(plan, term.number, clear, enable, *how)


def _stepwise(spec: MacShape, plan: Plan, term: Term, clear: Wire, enable: Wire) -> Wire:
    """One rounded addition per product. State: the sum."""
    zero, neutral = zeros(spec)

    def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, *wires: Wire) -> Wire:
        start = started(plan, "start", neutral, old, clear)
        code = term.of(wires).plus(plan, start)
        return chosen(plan, "next_sum", zero, old, code, clear, enable)

    shape, operands = unsigned(spec.accumulator.width), (clear, enable, *term.wires)
    return plan.loop("accumulated", shape, body, *operands, init=zero, strobes=2)


def _windowed(
    spec: MacShape, plan: Plan, term: Term, clear: Wire, enable: Wire, random: Wire | None
) -> Wire:
    """Both summands cut off below a window, then rounded. State: the sum."""
    zero, _ = zeros(spec)
    given = [] if random is None else [random]

    def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, *wires: Wire) -> Wire:
        start = started(plan, "start", zero, old, clear)
        addend = term.of(wires).number
        assert addend is not None
        held = unpack(plan, spec.accumulator, start, "sum")
        addends = [Addend(addend, term.digits), Addend(held, digits_of(spec.accumulator, held))]
        number = windowed_sum_of(plan, addends, spec.window)
        word = wires[-1] if given else None
        code = project(plan, spec.accumulator, number, rounding=spec.rounding, random=word)
        return chosen(plan, "next_sum", zero, old, code, clear, enable)

    operands, shape = (*term.wires, *given), unsigned(spec.accumulator.width)
    return plan.loop("accumulated", shape, body, clear, enable, *operands, strobes=2)


def _chunked(spec: MacShape, plan: Plan, term: Term, clear: Wire, enable: Wire) -> Wire:
    """Two loops, one after the other, so that neither holds two additions.

    State of the first: the sum of the present chunk, and how many products it has; 0 if the next
    one begins a chunk. State of the second: the sum of finished chunks, and the result.
    """
    width, (zero, neutral) = spec.accumulator.width, zeros(spec)
    bits = max((spec.chunk - 1).bit_length(), 1)

    def inner_body(plan: Plan, old: Wire, clear: Wire, enable: Wire, *wires: Wire) -> Wire:
        inner, count = parts(plan, old, inner=width, count=bits)
        afresh = plan.step("afresh", 1, lambda n, c: c | ~n.any(), count, clear, using=Logic())
        start = started(plan, "start", neutral, inner, afresh)
        code = term.of(wires).plus(plan, start)
        counted = place_in_chunk(plan, count, clear, spec.chunk)
        kept = chosen(plan, "next_inner", zero, inner, code, clear, enable)
        number = chosen(plan, "next_count", 0, count, counted, clear, enable)
        return plan.step("next_chunk", width + bits, lambda s, n: Cat(s, n), kept, number)

    state = plan.loop(
        "chunk", unsigned(width + bits), inner_body, clear, enable, *term.wires,
        init=zero, strobes=2,
    )  # fmt: skip
    inner, count = parts(plan, state, inner_sum=width, inner_count=bits)
    ends = plan.step("ends", 1, lambda n: ~n.any(), count, using=Logic())

    return summed_chunks(
        plan, partial(combine, spec), spec.accumulator, spec.rounding, inner, ends, clear, enable
    )


def place_in_chunk(plan: Plan, count: Wire, clear: Wire, chunk: int) -> Wire:
    """How many items the present chunk has with the next one; 0 if that is its last."""
    bits = count.width
    return plan.step(
        "counted",
        bits,
        lambda n, c: Mux(c, 1 % chunk, Mux(n == chunk - 1, 0, n + 1)),
        *(count, clear),
        using=Adder(bits),
        wrap=True,
    )


def summed_chunks(
    plan: Plan,
    combined: Callable[..., Wire],
    format: Format,
    rounding: Rounding,
    inner: Wire,
    ends: Wire,
    clear: Wire,
    enable: Wire,
) -> Wire:
    """The sum of finished chunks plus that of the present one. State: the former, and the result.

    ``combined(plan, format, x, y)``: the rounded sum of two codes. ``inner``: the sum of the
    present chunk; ``ends``: whether it is finished.
    """
    width, (zero, neutral) = format.width, zeros_of(format, rounding)

    def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, inner: Wire, ends: Wire) -> Wire:
        outer, result = parts(plan, old, outer=width, result_before=width)
        start = started(plan, "outer_start", neutral, outer, clear)
        code = combined(plan, format, start, inner)
        grown = plan.step(
            "outer_grown",
            width,
            lambda s, z, last: Mux(last, Value.cast(z), s),
            *(start, code, ends),
            using=Multiplexer(width),
        )
        kept = chosen(plan, "next_outer", neutral, outer, grown, clear, enable)
        shown = chosen(plan, "next_result", zero, result, code, clear, enable)
        return plan.step("next_sums", 2 * width, lambda s, r: Cat(s, r), kept, shown)

    both = plan.loop(
        "sums",
        unsigned(2 * width),
        body,
        *(clear, enable, inner, ends),
        init=neutral | zero << width,
        strobes=2,
    )
    return plan.step("sum_of_chunks", width, lambda s: s[width:], both)


def _compensated(spec: MacShape, plan: Plan, term: Term, clear: Wire, enable: Wire) -> Wire:
    """Four rounded additions per product. State: the sum, and by how much it is too large."""
    width, (zero, _) = spec.accumulator.width, zeros(spec)

    def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, *wires: Wire) -> Wire:
        total, excess = parts(plan, old, sum_before=width, excess_before=width)
        total_start = started(plan, "sum_start", zero, total, clear)
        excess_start = started(plan, "excess_start", zero, excess, clear)
        addend = term.of(wires).plus(plan, excess_start, minus=True)

        def combined(x: Wire, y: Wire, *, minus: bool) -> Wire:
            return combine(spec, plan, spec.accumulator, x, y, minus=minus)

        larger = combined(total_start, addend, minus=False)
        added = combined(larger, total_start, minus=True)
        more = combined(added, addend, minus=True)
        kept = chosen(plan, "next_sum", zero, total, larger, clear, enable)
        left = chosen(plan, "next_excess", zero, excess, more, clear, enable)
        return plan.step("next_sums", 2 * width, lambda s, x: Cat(s, x), kept, left)

    both = plan.loop(
        "sums", unsigned(2 * width), body, clear, enable, *term.wires,
        init=zero | zero << width, strobes=2,
    )  # fmt: skip
    return plan.step("compensated_sum", width, lambda s: s[:width], both)
