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
never round: fused, and wrap or saturate; nor does a quire, which remembers NaR besides. The output
is the sum with this cycle's item included.

Random words of stochastic rounding come from a port or, with ``random_source = lfsr``, from a shift
register inside. It starts from ``lfsr_seed`` after a reset and goes on with every item: each takes
the next N bits of its sequence, or 2N in a cascade, those of the sum first.

A floating-point sum that takes L cycles holds L interleaved, independent sums, one item per cycle,
as GEMM kernels use it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from amaranth import Mux

from holigrail_hw.core import OperatorSpec, Timing, operator, parameter
from holigrail_hw.estimate.primitives import Adder, Logic
from holigrail_hw.formats import FixedFormat, Format, FormatError, Rounding, parse
from holigrail_hw.golden import accumulate, exact_sums, sum_limit
from holigrail_hw.golden.shift_register import random_words
from holigrail_hw.hdl import reference
from holigrail_hw.hdl.integer.multiply import MULTIPLIER_MEANING, MULTIPLIERS
from holigrail_hw.hdl.integer.shift_register import random_word
from holigrail_hw.hdl.number.exact_accumulator import exact_accumulator, with_flags
from holigrail_hw.hdl.number.fixed import (
    fixed_code,
    fixed_product,
    fixed_range,
    limit,
    product_range,
)
from holigrail_hw.hdl.number.float_accumulator import float_accumulator
from holigrail_hw.hdl.number.float_multiply import multiply_unpacked
from holigrail_hw.hdl.number.project import project
from holigrail_hw.hdl.number.unpack import unpack
from holigrail_hw.hdl.number.unpacked import range_shape
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.hdl.shapes import shape_of

from .rounded import without_hardware, without_rounding

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
    random_source: str = parameter(
        "port", "random words: an input, or a shift register inside", choices=("port", "lfsr")
    )
    lfsr_seed: int = parameter(1, "first state of the shift register", low=1, high=(1 << 32) - 1)
    overflow: str = parameter(
        "wrap", "a fixed-point sum out of range", choices=("wrap", "saturate")
    )
    restart: str = parameter(
        "product", "the sum after clear with enable", choices=("product", "zero")
    )
    multiplier: str = parameter("rows", MULTIPLIER_MEANING, choices=MULTIPLIERS, samples=("dsp",))

    renamed: ClassVar[Mapping[str, str]] = {"multiplier=logic": "multiplier=rows"}

    def derive(self) -> dict[str, Any]:
        return {"product": self.accumulator} if self.accumulation == "cascade" else {}

    def check(self) -> list[str]:
        rounded = {"accumulator": self.accumulator}
        if self.product is not None:
            rounded["product"] = self.product
        wrong = without_hardware(a=self.a, b=self.b, **rounded)
        if wrong := wrong + without_rounding(self.rounding, **rounded):
            return wrong
        if not self.accumulator.holds_sums:
            return [f"accumulator must be a format that holds sums, not {self.accumulator}"]
        if self.random_source == "lfsr" and self.random_width * len(self._random_words) > 32:
            return [
                "random_width must be at most 16 for the two words of a cascade from one shift "
                f"register, not {self.random_width}"
            ]
        if self.accumulation == "exact":
            try:
                self.register  # noqa: B018
            except FormatError as error:
                return [
                    f"accumulation must not be exact for products of {self.a} x {self.b}: {error}"
                ]
            return []
        if not self._is_fixed:
            if self.accumulator.is_fixed_like:
                return [
                    f"accumulator must be a float for fused and cascaded sums of {self.a} x "
                    f"{self.b}, not {self.accumulator}; with accumulation exact it can be fixed"
                ]
            return self._unheld_products() if self.accumulator.adds_exactly else []
        low, high, fraction = product_range(self.a, self.b)
        least, greatest, accumulator_fraction = fixed_range(self.accumulator)
        shift = accumulator_fraction - fraction
        if shift < 0:
            return [
                f"accumulator must have at least {fraction} fraction bits to hold every product "
                f"of {self.a} x {self.b}, not {accumulator_fraction}; with accumulation "
                f"exact it is rounded once when read"
            ]
        fits = least <= low << shift and high << shift <= greatest
        if self._saturates and not fits:
            return [
                f"accumulator must hold every product of {self.a} x {self.b} to saturate, "
                f"{low} to {high} in units of 2^{-fraction}, not {self.accumulator.summary}"
            ]
        return []

    @property
    def _addend(self) -> tuple[int, Fraction]:
        """Least place and largest magnitude of the numbers that are added."""
        if self.accumulation == "cascade":
            assert self.product is not None
            return self.product.least_place, max(map(abs, self.product.number_range))
        largest = [max(map(abs, f.number_range)) for f in (self.a, self.b)]
        return self.a.least_place + self.b.least_place, largest[0] * largest[1]

    def _unheld_products(self) -> list[str]:
        """What is wrong if an accumulator that never rounds cannot hold every product."""
        place, largest = self._addend
        greatest = self.accumulator.number_range[1]
        if place >= self.accumulator.least_place and largest <= greatest:
            return []
        what = f"{self.a} x {self.b}" if self.accumulation == "fused" else f"{self.product}"
        return [
            f"accumulator must hold every product of {what} exactly, down to 2^{place}, not "
            f"{self.accumulator.summary}"
        ]

    @property
    def register(self) -> FixedFormat:
        """The fixed-point register of an exact sum: every product fits, and ``products`` of them.

        One sign bit, and the largest sum of products in units of the smallest.
        """
        a_largest, b_largest = (max(map(abs, f.integer_range)) for f in (self.a, self.b))
        width = (a_largest * b_largest * self.products).bit_length() + 1
        place = self.a.least_place + self.b.least_place
        return FixedFormat(width, signed=True, fraction_width=-place)

    @property
    def _is_fixed(self) -> bool:
        return all(f.is_fixed_like for f in (self.a, self.b, self.accumulator))

    @property
    def _saturates(self) -> bool:
        """Whether a fixed-like sum out of range becomes the end of the range."""
        return self.accumulator.overflow_of(self.overflow) != "wrap"

    @property
    def _rounds(self) -> bool:
        return not self._is_fixed or self.accumulation == "exact"

    def inputs(self) -> dict[str, Format]:
        ports = {"a": self.a, "b": self.b, "clear": parse("uint1"), "enable": parse("uint1")}
        if self.random_source == "port":
            ports |= {name: parse(f"uint{self.random_width}") for name in self._random_words}
        return ports

    @property
    def _random_words(self) -> tuple[str, ...]:
        """Names of the random words that every item needs."""
        if not (self._rounds and self.rounding.is_stochastic):
            return ()
        return ("random", "product_random")[: 1 + (self.accumulation == "cascade")]

    def reference(self, codes: Mapping[str, Any], interleave: int = 1) -> dict[str, Any]:
        """With random words from the register in the order of the items, not of the sums."""
        if self.random_source == "port" or not self._random_words:
            return super().reference(codes, interleave)
        names, bits, shape = self._random_words, self.random_width, np.shape(codes["a"])
        drawn = random_words(self.lfsr_seed, bits * len(names), shape[0] if shape else 1)
        drawn = np.broadcast_to(drawn.reshape(-1, *[1] * (len(shape) - 1)), shape)
        words = {
            name: (drawn >> np.uint64(place * bits)) & np.uint64((1 << bits) - 1)
            for place, name in enumerate(names)
        }
        return super().reference({**codes, **words}, interleave)

    def outputs(self) -> dict[str, Format]:
        return {"result": self.accumulator}

    def golden(
        self,
        a: Any,
        b: Any,
        clear: Any,
        enable: Any,
        random: Any = None,
        product_random: Any = None,
    ) -> dict[str, Any]:
        if random is None and self._random_words:
            codes = {"a": a, "b": b, "clear": clear, "enable": enable}
            return self.reference(codes)
        x, y = self.a.unpack(a), self.b.unpack(b)
        if self.restart == "zero":
            enable = enable & (clear ^ 1)
        overflow = self.accumulator.overflow_of(self.overflow)
        if self.accumulation == "exact":
            sums = exact_sums(x, y, clear=clear, enable=enable, accumulator=self.register)
            code = self.accumulator.project(
                sums, self.rounding, random, self.random_width, overflow
            )
            return {"result": code}
        is_cascade = self.accumulation == "cascade" and not self._is_fixed
        return {
            "result": accumulate(
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
        if self.accumulator.adds_exactly:
            most = self.accumulator.number_range[1] // self._addend[1]
            return {"sums": f"exact, any {most} products fit into {self.accumulator}"}
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
        if self.random_source == "lfsr" and (names := self._random_words):
            bits = self.random_width
            drawn = random_word(plan, bits * len(names), self.lfsr_seed)
            for place, name in enumerate(names):
                part = slice(place * bits, (place + 1) * bits)
                wires[name] = plan.step(name, bits, lambda w, part=part: w[part], drawn)
        if self.accumulation == "exact":
            return {"result": self._exact(plan, **wires)}
        if self._is_fixed:
            return {"result": self._fixed(plan, **wires)}
        return {"result": self._float(plan, **wires)}

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]] | None:
        """For fixed-point sums: one expression in Amaranth's own integer arithmetic."""
        if not self._is_fixed or self.accumulation == "exact":
            return None
        is_known = all(map(reference.has_integers, (self.a, self.b)))
        return self._naive if is_known and self.accumulator.codes_are_integers else None

    def _naive(self, plan: Plan, a: Wire, b: Wire, clear: Wire, enable: Wire) -> Mapping[str, Wire]:
        accumulator = self.accumulator
        shape = shape_of(accumulator)
        places = self.a.least_place + self.b.least_place - accumulator.least_place
        low, high = accumulator.integer_range

        def next_sum(old: Any, a: Any, b: Any, clear: Any, enable: Any) -> Any:
            x, y = reference.integer(self.a, a), reference.integer(self.b, b)
            product = (x * y).shift_left(places)
            total = product + old
            if self._saturates:
                total = Mux(total > high, high, Mux(total < low, low, total))
            first = 0 if self.restart == "zero" else product
            return Mux(clear, Mux(enable, first, 0), Mux(enable, total, old))

        def body(plan: Plan, *wires: Wire) -> Wire:
            return plan.step("next_sum", shape, next_sum, *wires, wrap=True)

        return {"result": plan.loop("state", shape, body, a, b, clear, enable)}

    def _fixed(self, plan: Plan, a: Wire, b: Wire, clear: Wire, enable: Wire) -> Wire:
        accumulator = self.accumulator
        product = fixed_product(plan, a, self.a, b, self.b, self.multiplier)
        low, high, accumulator_fraction = fixed_range(accumulator)
        shift = accumulator_fraction - product_range(self.a, self.b)[2]
        shape = range_shape(low, high)
        width = shape.width

        def body(plan: Plan, old: Wire, clear: Wire, enable: Wire, product: Wire) -> Wire:
            total = plan.step(
                "total",
                (old.value + product.value.shift_left(shift)).shape(),
                lambda s, p: s + p.shift_left(shift),
                old,
                product,
                using=Adder(width),
            )
            ranged = limit(plan, "ranged", total, accumulator, saturate=self._saturates)
            alone = plan.step(
                "alone",
                shape,
                lambda p: p.shift_left(shift),
                product,
                wrap=True,
            )
            if self.restart == "zero":
                return plan.step(
                    "next_sum",
                    shape,
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
                shape,
                lambda s, r, p, c, e: Mux(e, Mux(c, p, r), Mux(c, 0, s)),
                old,
                ranged,
                alone,
                clear,
                enable,
                using=Logic(1, width),
                wrap=True,
            )

        total = plan.loop(
            "accumulated",
            shape,
            body,
            clear,
            enable,
            product,
            strobes=2,
            restarts=self.restart == "product",
        )
        return fixed_code(plan, total, accumulator)

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
            self.multiplier,
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
        number = multiply_unpacked(
            plan,
            unpack(plan, self.a, a, "a"),
            unpack(plan, self.b, b, "b"),
            self.multiplier,
        )
        if self.accumulation == "cascade":
            assert self.product is not None
            code = project(
                plan, self.product, number, rounding=self.rounding, random=product_random
            )
            number = unpack(plan, self.product, code, "product")
        return float_accumulator(
            plan, number, clear, enable, self.accumulator, self.rounding, random, self.overflow
        )
