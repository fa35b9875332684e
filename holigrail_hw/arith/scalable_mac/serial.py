# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false, reportOperatorIssue=false, reportOptionalSubscript=false

"""Units that get operands digit by digit: one adder, whatever the precision.

Digits come in the order of their weight, highest first, all products of a sum for one weight before
those of the next: s becomes s + a*w or, where the weight falls by a digit, 2^n s + a*w (Judd et
al., Stripes, 2016; Sharify et al., Loom, 2018; Lee et al., UNPU, 2018). A sum of K products of
P-bit weights thus takes K * P / n cycles and no register besides its own. The highest digit of a
signed operand is marked, for its highest bit counts negative.
"""

from typing import Any

from amaranth import Cat, Mux, Value

from holigrail_hw.estimate.primitives import Logic, Multiplexer
from holigrail_hw.hdl.integer.bit_heap import Bit, Heap, add_up, compress, heap_of
from holigrail_hw.hdl.plan.plan import Plan, Wire

from .conditions import Conditions
from .shape import ScalableMacShape

__all__ = ["serial_sum"]


def serial_sum(
    spec: ScalableMacShape,
    plan: Plan,
    words: tuple[Wire, Wire],
    tops: tuple[Wire | None, Wire | None],
    advance: Wire,
    clear: Wire,
) -> Wire:
    """The sum, one register after its item."""
    width, digit = spec.result_width, spec.digit
    heap = compress(plan, "products", _digit_products(spec, plan, words, tops))

    def body(plan: Plan, old: Wire, clear: Wire, advance: Wire, *columns: Wire) -> Wire:
        def before(s: Any, v: Any, c: Any) -> Any:
            return Mux(c, 0, Mux(v, s.shift_left(digit)[:width], s))

        def moved(s: Any, v: Any) -> Any:
            return Mux(v, s.shift_left(digit)[:width], s)

        using = Multiplexer(width)
        if spec.restart == "product":
            start = plan.step("before", width, before, old, advance, clear, using=using)
            return add_up(plan, "total", heap.like(columns), start)
        start = plan.step("before", width, moved, old, advance, using=using)
        total = add_up(plan, "total", heap.like(columns), start)
        return plan.step(
            "after", width, lambda t, c: Mux(c, 0, t), total, clear, using=Logic(1, width)
        )

    return plan.loop("sum", width, body, clear, advance, *heap.wires)


def _digit_products(
    spec: ScalableMacShape,
    plan: Plan,
    words: tuple[Wire, Wire],
    tops: tuple[Wire | None, Wire | None],
) -> Heap:
    """Partial products of the digits of all lanes."""
    sizes = spec.activation_digit, spec.digit
    # Whether the highest bit of either digit is negative: never, always, or by its mark.
    always = spec.signed_activations and tops[0] is None, False
    marks = [wire for wire in tops if wire is not None]
    code = plan.step("marks", len(marks), lambda *m: Cat(*m), *marks) if marks else None
    cases = Conditions(plan, code, 1 << len(marks))
    negative = [
        [
            always[port] or (top is not None and bool(case >> marks.index(top) & 1))
            for case in range(1 << len(marks))
        ]
        for port, top in enumerate(tops)
    ]
    if sizes == (1, 1) and spec.lanes == 1:
        return _one_product(spec, plan, words, cases, negative)
    bits, constants, wires = [], [0] * (1 << len(marks)), []
    for lane in range(spec.lanes):
        flips = []
        for i in range(sizes[0]):
            for j in range(sizes[1]):
                column = i + j
                tests = i == sizes[0] - 1, j == sizes[1] - 1
                flip = frozenset(
                    case
                    for case in sorted(cases.every)
                    if (tests[0] and negative[0][case]) != (tests[1] and negative[1][case])
                )
                for case in flip:
                    constants[case] -= 1 << column
                bits.append(Bit(column, False, _bit_of(lane, len(flips))))
                flips.append((i, j, flip))
        wires.append(_lane(plan, cases, words, lane, sizes, flips))
    fixed, more = cases.constant_bits(
        [value % (1 << spec.result_width) for value in constants], spec.result_width, len(wires)
    )
    operands = (*wires, *cases.wires)
    return heap_of(plan, "partial", spec.result_width, [*bits, *more], fixed, *operands)


def _one_product(
    spec: ScalableMacShape,
    plan: Plan,
    words: tuple[Wire, Wire],
    cases: Conditions,
    negative: list[list[bool]],
) -> Heap:
    """The product of two bits, 0, 1 or -1: itself and, where it is negative, its sign."""
    minus = cases.wire(case for case in cases.every if negative[0][case] != negative[1][case])
    product = plan.step("product", 1, lambda a, w: a & w, *words, using=Logic())
    sign = plan.step("sign", 1, lambda p, n: p & n, product, minus, using=Logic())
    signs = [Bit(column, False, lambda p, s: s) for column in range(1, spec.result_width)]
    bits = [Bit(0, False, lambda p, s: p), *signs]
    return heap_of(plan, "partial", spec.result_width, bits, 0, product, sign)


def _lane(
    plan: Plan,
    cases: Conditions,
    words: tuple[Wire, Wire],
    lane: int,
    sizes: tuple[int, int],
    flips: list[tuple[int, int, frozenset[int]]],
) -> Wire:
    """The partial products of one lane; those of negative weight as their complements."""
    kinds = sorted({flip for _, _, flip in flips if flip}, key=sorted)
    masks = [cases.wire(kind) for kind in kinds]

    def products(a: Any, w: Any, *masks: Any) -> Value:
        found = []
        for i, j, flip in flips:
            bit = Value.cast(a)[lane * sizes[0] + i] & Value.cast(w)[lane * sizes[1] + j]
            found.append(bit ^ masks[kinds.index(flip)] if flip else bit)
        return Cat(*found)

    using = Logic(1, len(flips))
    return plan.step("digits", len(flips), products, *words, *masks, using=using)


def _bit_of(lane: int, place: int) -> Any:
    return lambda *values: Value.cast(values[lane])[place]
