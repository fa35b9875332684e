"""Sums of products that grow along a chain of processing elements.

The chain adds one product per element. Integers grow only as wide as that many products can make
them. A float sum is rounded in every element, *fused* (sum + a*b rounded once) or *cascade* (a*b
rounded to ``product`` first). An *exact* sum is a fixed-point register with room for every product
(Kulisch, "Computer Arithmetic and Validity", 2013), rounded once at the end of the chain.

The order of a sum is part of its definition: along the chain, from the first product on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth import Cat, Const, Mux, Value, signed, unsigned

from holigrail_hw.arith.add import Add
from holigrail_hw.arith.fma import Fma
from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.arith.multiply import Multiply
from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.formats import Exact, FixedFormat, Format, Rounding
from holigrail_hw.golden import accumulate, exact_sums, sum_limit
from holigrail_hw.hdl.number.exact_accumulator import (
    FLAGS,
    aligned_integer,
    exact_flags,
    with_flags,
)
from holigrail_hw.hdl.number.fixed import fixed_range, product_range
from holigrail_hw.hdl.number.float_multiply import multiply_unpacked
from holigrail_hw.hdl.number.project import project
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.number.unpacked import range_shape
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of
from holigrail_hw.kernels import Gemm, is_compiled

__all__ = ["ACCUMULATIONS", "MANY", "PartialSums", "fixed_integers"]

ACCUMULATIONS = ("fused", "cascade", "exact")
MANY = 1 << 17
"""Products from which on kernels compute sums: below, the golden model answers as soon."""


@dataclass(frozen=True)
class PartialSums:
    """Sums of up to ``products`` products a*b.

    Attributes
    ----------
    a, b : Format
        Of the factors.
    result : Format or None
        Of the finished sum; ``None`` for fixed-point factors: as wide as it must be.
    accumulation : str
        ``fused``, ``cascade`` or ``exact``; without meaning for fixed point, which never rounds.
    product : Format or None
        Of the rounded products of a cascade.
    structure : str
        Of the multipliers: ``rows`` or ``dsp``.
    continues : bool
        The first product too is added to a sum, which comes from outside.
    guard : bool
        A factor of 0 keeps its element's operands as they are, and 0 is added: fixed point only.
    """

    a: Format
    b: Format
    products: int
    result: Format | None = None
    accumulation: str = "fused"
    product: Format | None = None
    rounding: Rounding = Rounding.NEAREST_EVEN
    structure: str = "rows"
    continues: bool = False
    guard: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether sums are integers that never round."""
        return self.a.is_fixed_like and self.b.is_fixed_like

    @property
    def final(self) -> Format:
        """Format of a finished sum."""
        return self._sum_of(self.products) if self.result is None else self.result

    def width(self, count: int) -> int:
        """Bits of the state after ``count`` products."""
        if self.is_exact:
            return self.register.width + FLAGS * self._has_flags
        return self._sum_of(count).width

    def step(
        self,
        plan: Plan,
        a: Wire,
        b: Wire,
        state: Wire | None,
        count: int,
        used: Wire | None = None,
    ) -> Wire:
        """The state after ``count`` products; ``state`` is that after one less, ``None`` if none.

        States are unsigned wires of :meth:`width` bits. ``used`` is there with a guard: whether the
        product counts.
        """
        if used is not None:
            return self._guarded_step(plan, a, b, state, count, used)
        if self.is_exact:
            return self._exact_step(plan, a, b, state)
        factors = {"a": self.a, "b": self.b, "multiplier": self.structure}
        goal, rounding = self._sum_of(count), self.rounding
        if self.accumulation == "cascade" and not self.is_fixed:
            assert self.product is not None
            multiplier = Multiply(**factors, result=self.product, rounding=rounding)
            product = multiplier.datapath(plan, a=a, b=b)["result"]
            if state is None:
                number = unpack(plan, self.product, product, "product")
                total = project(plan, goal, number, rounding=rounding)
            else:
                adder = Add(a=goal, b=self.product, result=goal, rounding=rounding)
                total = adder.datapath(plan, a=state, b=product)["result"]
        elif state is None:
            multiplier = Multiply(**factors, result=goal, rounding=rounding)
            total = multiplier.datapath(plan, a=a, b=b)["result"]
        else:
            before = self._sum_of(count - 1)
            addend = plan.step("partial", shape_of(before), _typed(before), state)
            fma = Fma(**factors, c=before, result=goal, rounding=rounding)
            total = fma.datapath(plan, a=a, b=b, c=addend)["result"]
        return plan.step("state", unsigned(total.width), _bits, total)

    def finish(self, plan: Plan, state: Wire) -> Wire:
        """The code of the finished sum."""
        if not self.is_exact:
            grown = self._sum_of(self.products)
            total = plan.step("total", shape_of(grown), _typed(grown), state)
            code = plan.step("extended", shape_of(self.final), lambda s: s, total)
            return plan.step("code", unsigned(self.final.width), _bits, code)
        width, assumed = self.register.width, self.register
        total = plan.step("exact_sum", signed(width), lambda s: s[:width].as_signed(), state)
        number = unpack(plan, assumed, total, "sum")
        if self._has_flags:
            flags = plan.step("exact_flags", FLAGS, lambda s: s[width:], state)
            number = with_flags(plan, number, flags)
        code = project(plan, self.final, number, rounding=self.rounding, overflow="saturate")
        return plan.step("code", unsigned(code.width), _bits, code)

    def golden(self, a: Any, b: Any) -> Any:
        """Codes of the matrix product of codes ``a`` (M x K) and ``b`` (K x N), from integers.

        Every sum runs along K from the first product on; K may be less than ``products``. Sums of
        integers that ``result`` does not hold wrap, those of floats become what its format says.
        """
        a, b = np.asarray(a), np.asarray(b)
        if self.is_fixed:
            return self._integer_product(a, b)
        x, y = self.a.unpack(a.T[:, :, np.newaxis]), self.b.unpack(b[:, np.newaxis, :])
        if self.is_exact:
            shape = (len(b), len(a), b.shape[1])
            sums = _last(exact_sums(x.broadcast_to(shape), y.broadcast_to(shape)))
            overflow = self.final.overflow_of("saturate")
            return self.final.project(sums, self.rounding, None, 0, overflow)
        shape = (len(b), len(a), b.shape[1])
        codes = accumulate(
            x.broadcast_to(shape),
            y.broadcast_to(shape),
            self.final,
            product=self.product if self.accumulation == "cascade" else None,
            rounding=self.rounding,
            clear=np.arange(len(b)) == 0,
        )
        return codes[-1]

    def computed(self, a: Any, b: Any) -> Any:
        """What :meth:`golden` gives, by compiled kernels where products are many."""
        gemm = self.kernel()
        if gemm is None or np.size(a) * np.shape(b)[1] < MANY or not is_compiled():
            return self.golden(a, b)
        return gemm.codes(a, b)

    def kernel(self) -> Gemm | None:
        """The sums of floats as a kernel; None for fixed point, whose sums are integers anyway."""
        if self.is_fixed:
            return None
        return Gemm(
            a=self.a,
            b=self.b,
            accumulator=self.final,
            accumulation=self.accumulation,
            product=self.product if self.accumulation == "cascade" else None,
            rounding=self.rounding,
            overflow=self.final.overflow_of("saturate") if self.is_exact else None,
            start="zero" if self.is_exact else "product",
        )

    def limit(self, longest: int | None) -> str:
        """How sums of up to so many products, None for any number, differ from exact ones."""
        if self.is_exact:
            return f"exact up to {self.products} products, rounded once at the end"
        if not self.is_fixed:
            return sum_limit(self.final)
        return sum_limit(self.final, product_range(self.a, self.b), longest=longest)

    def _integer_product(self, a: Any, b: Any) -> Any:
        low, high, _ = product_range(self.a, self.b)
        fits = max(-low, high) * len(b) < 1 << 62
        x, y = fixed_integers(self.a, a, fits), fixed_integers(self.b, b, fits)
        final = self.final
        mask = (1 << final.width) - 1
        return ((x @ y) & mask).astype(np.uint64 if final.width <= 64 else object)

    def _sum_of(self, count: int) -> Format:
        """Format of a sum of ``count`` products along the chain."""
        if not self.is_fixed:
            assert self.result is not None
            return self.result
        low, high, fraction = product_range(self.a, self.b)
        shape = range_shape(count * low, count * high)
        return FixedFormat(shape.width, shape.signed, fraction)

    @property
    def is_exact(self) -> bool:
        """Whether sums of floats are kept as integers."""
        return self.accumulation == "exact" and not self.is_fixed

    @property
    def register(self) -> FixedFormat:
        """Of an exact sum."""
        return Mac(a=self.a, b=self.b, accumulation="exact", products=self.products).register

    @property
    def _has_flags(self) -> bool:
        return any(format.has_nan or format.has_infinity for format in (self.a, self.b))

    def _guarded_step(
        self, plan: Plan, a: Wire, b: Wire, state: Wire | None, count: int, used: Wire
    ) -> Wire:
        multiplier = Multiply(a=self.a, b=self.b, multiplier=self.structure)
        product = multiplier.datapath(plan, a=a, b=b)["result"]
        gates = Logic(1, product.width)
        total = plan.step(
            "guarded",
            product.shape,
            lambda p, u: Mux(u, p, Const(0, p.shape())),
            product,
            used,
            using=gates,
        )
        if state is not None:
            before, format = self._sum_of(count - 1), multiplier.target
            addend = plan.step("partial", shape_of(before), _typed(before), state)
            adder = Add(a=before, b=format, result=self._sum_of(count), rounding=self.rounding)
            total = adder.datapath(plan, a=addend, b=total)["result"]
        return plan.step("state", unsigned(total.width), _bits, total)

    def _exact_step(self, plan: Plan, a: Wire, b: Wire, state: Wire | None) -> Wire:
        register = self.register
        width = register.width
        flags = None
        x, y = unpack(plan, self.a, a, "a"), unpack(plan, self.b, b, "b")
        number = multiply_unpacked(plan, x, y, self.structure)
        addend, flags = aligned_integer(plan, number, register), exact_flags(plan, number)
        total = plan.step("addend", signed(width), lambda p: p, addend)
        if state is not None:
            total = plan.step(
                "total",
                signed(width),
                lambda s, p: s[:width].as_signed() + p,
                state,
                addend,
                using=Adder(width),
                wrap=True,
            )
            if flags is not None:
                flags = plan.step(
                    "seen", FLAGS, lambda s, f: s[width:] | f, state, flags, using=Logic(1, FLAGS)
                )
        if flags is None:
            return plan.step("state", unsigned(width), _bits, total)
        return plan.step("state", unsigned(width + FLAGS), lambda s, f: Cat(s, f), total, flags)


def _bits(value: Any) -> Any:
    return Value.cast(value).as_unsigned()


def _typed(format: Format) -> Callable[[Any], Any]:
    """A state as the value of its format."""
    is_signed = format.codes_are_integers and format.signed
    return lambda state: state.as_signed() if is_signed else state


def fixed_integers(format: Format, codes: Any, fits: bool) -> Any:
    """Fixed-point numbers in units of their last place, as int64 or Python integers."""
    number = format.unpack(codes)
    magnitude = number.significand.astype(np.int64 if fits else object)
    scaled = magnitude << (number.exponent + fixed_range(format)[2])
    return np.where(number.sign, -scaled, scaled)


def _last(number: Exact) -> Exact:
    """The numbers at the end of axis 0."""
    return Exact(number.sign[-1], number.significand[-1], number.exponent[-1], number.category[-1])
