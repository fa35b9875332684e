"""Multiply-accumulate: a running sum of products, the operator DNN accelerators are made of.

In every cycle, with p the product a*b and s the sum::

    enable clear   s becomes
    0      0       s
    0      1       0
    1      0       s + p
    1      1       p           (0 with ``restart = zero``, the form DSP blocks can hold whole)

Three ways to accumulate. *fused* rounds s + a*b once, *cascade* rounds a*b to ``product`` and the
sum again, *exact* keeps the sum in fixed point wide enough for ``products`` products and rounds
only what is read out (Kulisch, "Computer Arithmetic and Validity", 2013). Fixed-point accumulators
never round: fused, and wrap or saturate. The output is the sum with this cycle's item included.

A floating-point sum that takes L cycles holds L interleaved, independent sums, one item per cycle,
as GEMM kernels use it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from amaranth import Mux

from holigrail_hw.core import OperatorSpec, Timing, operator, parameter
from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.formats import FixedFormat, FloatFormat, Format, Rounding, parse
from holigrail_hw.golden import accumulate, exact_sums, sum_limit
from holigrail_hw.hdl.number.exact_accumulator import exact_accumulator, with_flags
from holigrail_hw.hdl.number.fixed import (
    FIXED_KINDS,
    fixed_product,
    fixed_range,
    limit,
    product_range,
)
from holigrail_hw.hdl.number.float_accumulator import float_accumulator
from holigrail_hw.hdl.number.float_multiply import multiply_unpacked
from holigrail_hw.hdl.number.project import project
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

__all__ = ["Mac"]


@operator(
    "mac",
    summary="multiply-accumulate: a running sum of products a*b",
    references=(
        "IEEE Standard for Floating-Point Arithmetic, IEEE 754-2019",
        "Kulisch, Computer Arithmetic and Validity, 2nd ed., 2013 (exact accumulation)",
    ),
)
@dataclass(frozen=True, kw_only=True)
class Mac(OperatorSpec):
    """s becomes s + a*b, 0 or a*b.

    Latency 1 without a clock request; the initiation interval is 1. With a floating-point
    accumulator ``interleave`` sums share the loop.
    """

    stateful: ClassVar[bool] = True

    a: Format = parameter(parse("int8"), "format of operand a", samples=("uint3", "binary"))
    b: Format = parameter(parse("int8"), "format of operand b", samples=("int1", "ternary"))
    accumulator: Format = parameter(
        parse("int32"), "format of the sum", samples=("int17", "uint20", "int64")
    )
    accumulation: str = parameter(
        "fused", "where the sum is rounded", choices=("fused", "cascade", "exact")
    )
    product: Format | None = parameter(None, "format the product is rounded to in a cascade")
    products: int = parameter(1024, "how many products an exact sum must hold", low=1, high=1 << 32)
    rounding: Rounding = parameter(Rounding.NEAREST_EVEN, "rounding mode of the sum")
    random_width: int = parameter(8, "bits of the random word, if stochastic", low=1, high=32)
    overflow: str = parameter(
        "wrap", "a fixed-point sum out of range", choices=("wrap", "saturate")
    )
    restart: str = parameter(
        "product", "the sum after clear with enable", choices=("product", "zero")
    )
    multiplier: str = parameter(
        "logic", "where integer products are made", choices=("logic", "dsp")
    )

    def derive(self) -> dict[str, Any]:
        return {"product": self.accumulator} if self.accumulation == "cascade" else {}

    def check(self) -> list[str]:
        if self.accumulator.kind not in ("fixed", "float"):
            return [f"accumulator must be fixed-point or float, not {self.accumulator}"]
        if not (self._is_fixed or self.accumulation == "exact"):
            if isinstance(self.accumulator, FixedFormat):
                return [
                    f"accumulator must be a float for fused and cascaded sums of {self.a} x "
                    f"{self.b}, not {self.accumulator}; with accumulation exact it can be fixed"
                ]
            return []
        if not self._is_fixed or self.accumulation == "exact":
            return []
        assert isinstance(self.accumulator, FixedFormat)
        low, high, fraction = product_range(self.a, self.b)
        shift = self.accumulator.fraction_width - fraction
        if shift < 0:
            return [
                f"accumulator must have at least {fraction} fraction bits to hold every product "
                f"of {self.a} x {self.b}, not {self.accumulator.fraction_width}; with accumulation "
                f"exact it is rounded once when read"
            ]
        fits = (
            self.accumulator.minimum <= low << shift and high << shift <= self.accumulator.maximum
        )
        if self.overflow == "saturate" and not fits:
            return [
                f"accumulator must hold every product of {self.a} x {self.b} to saturate, "
                f"{low} to {high} in units of 2^{-fraction}, not {self.accumulator.summary}"
            ]
        return []

    @property
    def register(self) -> FixedFormat:
        """The fixed-point register of an exact sum: every product fits, and ``products`` of them.

        One sign bit, and the largest sum of products in units of the smallest.
        """
        (a_place, a_largest), (b_place, b_largest) = map(_place_and_largest, (self.a, self.b))
        width = (a_largest * b_largest * self.products).bit_length() + 1
        return FixedFormat(width, signed=True, fraction_width=-(a_place + b_place))

    @property
    def _is_fixed(self) -> bool:
        return all(f.kind in FIXED_KINDS for f in (self.a, self.b, self.accumulator))

    @property
    def _structure(self) -> str:
        return "dsp" if self.multiplier == "dsp" else "rows"

    @property
    def _rounds(self) -> bool:
        return not self._is_fixed or self.accumulation == "exact"

    def inputs(self) -> dict[str, Format]:
        ports = {"a": self.a, "b": self.b, "clear": parse("uint1"), "enable": parse("uint1")}
        if self._rounds and self.rounding is Rounding.STOCHASTIC:
            ports["random"] = parse(f"uint{self.random_width}")
            if self.accumulation == "cascade":
                ports["product_random"] = parse(f"uint{self.random_width}")
        return ports

    def outputs(self) -> dict[str, Format]:
        return {"sum": self.accumulator}

    def golden(
        self,
        a: Any,
        b: Any,
        clear: Any,
        enable: Any,
        random: Any = None,
        product_random: Any = None,
    ) -> dict[str, Any]:
        x, y = self.a.unpack(a), self.b.unpack(b)
        if self.restart == "zero":
            enable = enable & (clear ^ 1)
        overflow = self.overflow if isinstance(self.accumulator, FixedFormat) else None
        if self.accumulation == "exact":
            sums = exact_sums(x, y, clear=clear, enable=enable, accumulator=self.register)
            code = self.accumulator.project(
                sums, self.rounding, random, self.random_width, overflow
            )
            return {"sum": code}
        is_cascade = self.accumulation == "cascade" and not self._is_fixed
        return {
            "sum": accumulate(
                x,
                y,
                self.accumulator,
                product=self.product if is_cascade else None,
                rounding=self.rounding if self._rounds else Rounding.TOWARD_ZERO,
                overflow=overflow,
                clear=clear,
                enable=enable,
                random=random,
                product_random=product_random,
                random_width=self.random_width if random is not None else 0,
            )
        }

    def stimulus(self, rng: Any, count: int) -> dict[str, Any]:
        codes = super().stimulus(rng, count)
        # Rare clears let sums grow to where they overflow, cancel and round.
        codes["clear"] = (rng.random(count) < 0.04).astype(codes["clear"].dtype)
        codes["enable"] = (rng.random(count) < 0.9).astype(codes["enable"].dtype)
        return codes

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        if self.accumulation == "exact":
            return {"sums": f"exact up to {self.products} products, rounded when read"}
        if not self._is_fixed:
            return {"sums": sum_limit(self.accumulator)}
        products = product_range(self.a, self.b)
        return {"sums": sum_limit(self.accumulator, products, overflow=self.overflow)}

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        if self.restart == "zero":
            wires["enable"] = plan.step(
                "counted",
                1,
                lambda e, c: e & ~c,
                wires["enable"],
                wires["clear"],
                using=Logic(),
            )
        if self.accumulation == "exact":
            return {"sum": self._exact(plan, **wires)}
        if self._is_fixed:
            return {"sum": self._fixed(plan, **wires)}
        return {"sum": self._float(plan, **wires)}

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]] | None:
        """For fixed-point sums: one expression in Amaranth's own integer arithmetic."""
        return self._naive if self._is_fixed and self.accumulation != "exact" else None

    def _naive(self, plan: Plan, a: Wire, b: Wire, clear: Wire, enable: Wire) -> Mapping[str, Wire]:
        accumulator = self.accumulator
        assert isinstance(accumulator, FixedFormat)
        shape, fraction = shape_of(accumulator), accumulator.fraction_width
        for format in (self.a, self.b):
            fraction -= format.fraction_width if isinstance(format, FixedFormat) else 0
        low, high = accumulator.minimum, accumulator.maximum

        def number(format: Format, value: Any) -> Any:
            if format.kind == "binary":
                return Mux(value, 1, -1)
            if format.kind == "ternary":
                return Mux(value == 1, 1, Mux(value == 3, -1, 0))
            return value

        def next_sum(old: Any, a: Any, b: Any, clear: Any, enable: Any) -> Any:
            product = (number(self.a, a) * number(self.b, b)).shift_left(fraction)
            total = product + old
            if self.overflow == "saturate":
                total = Mux(total > high, high, Mux(total < low, low, total))
            first = 0 if self.restart == "zero" else product
            return Mux(clear, Mux(enable, first, 0), Mux(enable, total, old))

        def body(plan: Plan, *wires: Wire) -> Wire:
            return plan.step("next_sum", shape, next_sum, *wires, wrap=True)

        return {"sum": plan.loop("state", shape, body, a, b, clear, enable)}

    def _fixed(self, plan: Plan, a: Wire, b: Wire, clear: Wire, enable: Wire) -> Wire:
        accumulator = self.accumulator
        assert isinstance(accumulator, FixedFormat)
        _, _, fraction = product_range(self.a, self.b)
        product = fixed_product(plan, a, self.a, b, self.b, self._structure)
        shift, width = accumulator.fraction_width - fraction, accumulator.width
        saturate = self.overflow == "saturate"

        def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, product: Wire) -> Wire:
            total = plan.step(
                "total",
                (old.value + product.value.shift_left(shift)).shape(),
                lambda s, p: s + p.shift_left(shift),
                old,
                product,
                using=Adder(width),
            )
            ranged = limit(plan, "ranged", total, accumulator, saturate=saturate)
            alone = plan.step(
                "alone",
                shape_of(accumulator),
                lambda p: p.shift_left(shift),
                product,
                wrap=True,
            )
            if self.restart == "zero":
                return plan.step(
                    "next_sum",
                    shape_of(accumulator),
                    lambda s, r, c, e: Mux(c, 0, Mux(e, r, s)),
                    old,
                    ranged,
                    clear,
                    enable,
                    using=Logic(1, width),
                    wrap=True,
                )
            return plan.step(
                "next_sum",
                shape_of(accumulator),
                lambda s, r, p, c, e: Mux(e, Mux(c, p, r), Mux(c, 0, s)),
                old,
                ranged,
                alone,
                clear,
                enable,
                using=Logic(1, width),
                wrap=True,
            )

        return plan.loop(
            "accumulated",
            shape_of(accumulator),
            body,
            clear,
            enable,
            product,
            strobes=2,
            restarts=self.restart == "product",
        )

    def _exact(
        self,
        plan: Plan,
        a: Wire,
        b: Wire,
        clear: Wire,
        enable: Wire,
        random: Wire | None = None,
    ) -> Wire:
        total, flags = exact_accumulator(
            plan,
            (a, self.a),
            (b, self.b),
            clear,
            enable,
            self.register,
            self._structure,
        )
        number = unpack(plan, self.register, total, "sum")
        if flags is not None:
            number = with_flags(plan, number, flags)
        return project(
            plan,
            self.accumulator,
            number,
            rounding=self.rounding,
            random=random,
            overflow=self.overflow,
        )

    def _float(
        self,
        plan: Plan,
        a: Wire,
        b: Wire,
        clear: Wire,
        enable: Wire,
        random: Wire | None = None,
        product_random: Wire | None = None,
    ) -> Wire:
        accumulator = self.accumulator
        assert isinstance(accumulator, FloatFormat)
        number = multiply_unpacked(
            plan,
            unpack(plan, self.a, a, "a"),
            unpack(plan, self.b, b, "b"),
            self._structure,
        )
        if self.accumulation == "cascade":
            assert self.product is not None
            code = project(
                plan, self.product, number, rounding=self.rounding, random=product_random
            )
            number = unpack(plan, self.product, code, "product")
        return float_accumulator(plan, number, clear, enable, accumulator, self.rounding, random)


def _place_and_largest(format: Format) -> tuple[int, int]:
    """Exponent of a format's last place, and its largest magnitude in units of that place."""
    if isinstance(format, FloatFormat):
        place = format.minimum_exponent - format.fraction_width
        field, fraction = divmod(format.largest_code, 1 << format.fraction_width)
        if field == 0:
            return place, fraction
        return place, (fraction + (1 << format.fraction_width)) << (field - 1)
    low, high, fraction_width = fixed_range(format)
    return -fraction_width, max(-low, high)
