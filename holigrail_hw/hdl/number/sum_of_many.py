"""Sums of many unpacked numbers that are rounded once: exact, or in a window below the largest.

*Exact*: every number becomes an integer in units of the last place of any of them, and a tree of
carry chains adds the integers (Kulisch, "Computer Arithmetic and Validity", 2013).

*Window*: numbers are aligned to the one whose exponent is the largest, what falls out of a window
of bits below it is cut off, and the rest is added exactly (Fasi, Higham, Mikaitis and Pranesh,
"Numerical behavior of NVIDIA tensor cores", 2021). Zeros have no say in where the window is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from amaranth import Cat, Const, Mux, signed

from holigrail_hw.estimate.primitives import Adder, Comparator, Logic, Multiplexer, Negation
from holigrail_hw.formats import FixedFormat, Format

from ..integer.balanced_tree import balanced_tree
from ..integer.negated import negated_where
from ..integer.unmerged import unmerged
from ..plan.plan import Plan, Wire
from .exact_accumulator import FLAGS, aligned_integer, exact_flags, with_flags
from .float_sum import zero_of
from .unpack import unpack, unpack_integer
from .unpacked import Span, Unpacked, range_shape

__all__ = [
    "Addend",
    "Window",
    "add_integers",
    "digits_of",
    "exact_sum_of",
    "windowed_sum_of",
]


@dataclass(frozen=True)
class Addend:
    """A number whose magnitude is below 2^(exponent + scale + digits)."""

    number: Unpacked
    digits: int

    @property
    def top(self) -> int:
        """What its exponent lacks to that power of two."""
        return self.number.scale + self.digits


def digits_of(format: Format, number: Unpacked) -> int:
    """Digits of a significand up to the place that a normalised number begins at."""
    if not format.is_fixed_like:
        return number.width
    return max(map(abs, format.integer_range)).bit_length()


def exact_sum_of(plan: Plan, numbers: Sequence[Unpacked], register: FixedFormat) -> Unpacked:
    """The exact sum; every partial sum lies in ``register``, and its unit divides all numbers."""
    integers = [aligned_integer(plan, number, register) for number in numbers]
    total = add_integers(plan, integers, register.width)
    whole = plan.step("exact_sum", signed(register.width), lambda t: t, total, wrap=True)
    return _with_specials(plan, unpack(plan, register, whole, "sum"), numbers)


@dataclass(frozen=True)
class Window:
    """Numbers cut to what a window below the largest of them holds: signed integers to be added.

    ``largest``: the exponent of the power of two above all of them, counted from ``base``.
    """

    addends: Sequence[Addend]
    words: Sequence[Wire]
    largest: Wire
    base: int
    high: int
    width: int

    @classmethod
    def of(cls, plan: Plan, addends: Sequence[Addend], width: int) -> "Window":
        """Steps that find the largest number and align the others to it."""
        base = min(addend.number.exponent_low + addend.top for addend in addends)
        high = max(addend.number.exponent_high + addend.top for addend in addends) - base
        places = [_place(plan, addend, base, high) for addend in addends]
        counted = [_counted(plan, *pair) for pair in zip(addends, places, strict=True)]
        largest = balanced_tree(counted, lambda x, y: _larger(plan, x, y))
        words = [
            _word(plan, addend, place, largest, width, high)
            for addend, place in zip(addends, places, strict=True)
        ]
        return cls(addends, words, largest, base, high, width)

    @property
    def sum_width(self) -> int:
        """Bits that hold the sum of the words."""
        return self.width + 1 + (len(self.words) - 1).bit_length()

    def number(self, plan: Plan, total: Wire) -> Unpacked:
        """What the sum of the words stands for."""
        number = unpack_integer(plan, total, 0, "sum")
        held = replace(
            number,
            exponent=self.largest,
            scale=self.base - self.width,
            exponent_high=self.high,
            spans=(Span(0, self.high, 0, number.width - 1),),
            zero_high=self.high,
        )
        return _with_specials(plan, held, [addend.number for addend in self.addends])


def windowed_sum_of(plan: Plan, addends: Sequence[Addend], width: int) -> Unpacked:
    """The sum of what ``width`` bits below the largest power of two hold of each number."""
    window = Window.of(plan, addends, width)
    return window.number(plan, add_integers(plan, window.words, window.sum_width))


def add_integers(plan: Plan, integers: Sequence[Wire], most: int) -> Wire:
    """The sum of signed integers by a tree of adders, none of which is wider than ``most`` bits."""

    def added(x: Wire, y: Wire) -> Wire:
        shape = signed(min(max(x.width, y.width) + 1, most))
        using = Adder(shape.width)
        total = plan.step("partial_sum", shape, lambda x, y: x + y, x, y, using=using, wrap=True)
        return plan.step("partial_sum_apart", shape, unmerged, total)

    return balanced_tree(integers, added)


def _place(plan: Plan, addend: Addend, base: int, high: int) -> Wire:
    """The exponent of the power of two above a number, counted from ``base``."""
    offset, shape = addend.top - base, range_shape(0, high)
    using = Adder(shape.width) if offset else None
    exponent = addend.number.exponent
    return plan.step("place", shape, lambda e: e + offset, exponent, using=using, wrap=True)


def _counted(plan: Plan, addend: Addend, place: Wire) -> Wire:
    """The place, or for zero the lowest one: it has no say in where the window is."""
    if addend.number.zero_high is None:
        return place
    width = place.width
    return plan.step(
        "counted_place",
        place.shape,
        lambda p, z: p & ~z.replicate(width),
        *(place, zero_of(plan, addend.number)),
        using=Logic(1, width),
    )


def _larger(plan: Plan, x: Wire, y: Wire) -> Wire:
    less = plan.step("is_less", 1, lambda x, y: x < y, x, y, using=Comparator(x.width))
    return plan.step(
        "larger", x.shape, lambda s, x, y: Mux(s, y, x), less, x, y, using=Multiplexer(x.width)
    )


def _word(plan: Plan, addend: Addend, place: Wire, largest: Wire, width: int, high: int) -> Wire:
    """The number in units of the window's last place, what lies below cut off."""
    bits, stages = range_shape(0, high).width, (width - 1).bit_length()
    operands, using = (largest, place), Adder(bits)
    down = plan.step("down", bits, lambda most, p: most - p, *operands, using=using, wrap=True)
    digits = addend.digits

    def at_top(s):
        aligned = Cat(Const(0, max(width - digits, 0)), s[:digits], Const(0, digits))
        return aligned[max(digits - width, 0) :][:width]

    word = plan.step("word", width, at_top, addend.number.significand)
    for index in range(min(stages, bits)):
        count = 1 << index
        word = plan.step(
            "word",
            width,
            lambda w, d, i=index, n=count: Mux(d[i], Cat(w[n:], Const(0, n))[: len(w)], w),
            *(word, down),
            using=Multiplexer(width),
        )
    if high >> stages:
        word = plan.step(
            "word_in_reach",
            width,
            lambda w, d: w & ~d[stages:].any().replicate(width),
            *(word, down),
            using=Logic(2, width),
        )
    return plan.step(
        "term",
        signed(width + 1),
        lambda w, s: negated_where(s, w, width + 1).as_signed(),
        *(word, addend.number.sign),
        using=Negation(width + 1),
    )


def _with_specials(plan: Plan, total: Unpacked, numbers: Sequence[Unpacked]) -> Unpacked:
    found = [flags for number in numbers if (flags := exact_flags(plan, number)) is not None]
    if not found:
        return total
    seen = plan.step(
        "seen",
        FLAGS,
        lambda *flags: _either(flags),
        *found,
        using=Logic(2, FLAGS * len(found) // 3 + 1),
    )
    return with_flags(plan, total, seen)


def _either(words: Sequence):
    total = words[0]
    for word in words[1:]:
        total = total | word
    return total
