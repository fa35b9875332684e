"""Small operators for the tests of the flow: wide, one bit wide, and with state."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth import Mux, signed, unsigned

from holigrail_hw.core import OperatorSpec, operator, parameter
from holigrail_hw.core.registration import OPERATORS
from holigrail_hw.estimate.primitives import Adder, Logic, Multiplier
from holigrail_hw.formats import Format, parse


def integers(codes: Any, format: Format) -> np.ndarray:
    """Codes of an integer format as Python integers."""
    codes = np.asarray(codes).astype(object)
    top = 1 << (format.width - 1)
    return (codes ^ top) - top if format.signed else codes


@operator("test-multiply-add", summary="a * b + c with every bit of the result")
@dataclass(frozen=True, kw_only=True)
class MultiplyAdd(OperatorSpec):
    """Unsigned operands of any width; the result is as wide as it must be."""

    a_width: int = parameter(4, "width of a", low=1, high=64)
    b_width: int = parameter(4, "width of b", low=1, high=64, samples=(1, 40))
    c_width: int = parameter(1, "width of c", low=1, high=64)

    def inputs(self):
        widths = {"a": self.a_width, "b": self.b_width, "c": self.c_width}
        return {name: parse(f"uint{width}") for name, width in widths.items()}

    @property
    def width(self):
        largest = ((1 << self.a_width) - 1) * ((1 << self.b_width) - 1) + (1 << self.c_width) - 1
        return largest.bit_length()

    def outputs(self):
        if self.width <= 64:
            return {"r": parse(f"uint{self.width}")}
        return {"r": parse("uint64"), "high": parse(f"uint{self.width - 64}")}

    def golden(self, a, b, c):
        total = np.asarray(a).astype(object) * np.asarray(b) + np.asarray(c)
        if self.width <= 64:
            return {"r": total.astype(np.uint64)}
        return {"r": (total & (1 << 64) - 1).astype(np.uint64), "high": total >> 64}

    def datapath(self, plan, a, b, c):
        product = plan.step(
            "product",
            unsigned(self.a_width + self.b_width),
            lambda a, b: a * b,
            a,
            b,
            using=Multiplier(self.a_width, self.b_width),
        )
        total = plan.step(
            "total",
            unsigned(self.width),
            lambda p, c: p + c,
            product,
            c,
            using=Adder(self.width),
            wrap=True,
        )
        if self.width <= 64:
            return {"r": total}
        low = plan.step("low", unsigned(64), lambda t: t[:64], total)
        high = plan.step("top", unsigned(self.width - 64), lambda t: t[64:], total)
        return {"r": low, "high": high}


@operator("test-accumulate", summary="a running sum that can be cleared")
@dataclass(frozen=True, kw_only=True)
class Accumulate(OperatorSpec):
    """Signed sum that wraps; with ``slow`` the loop takes more than one cycle."""

    stateful = True
    width: int = parameter(8, "width of the sum", low=2, high=64)
    slow: bool = parameter(False, "three steps in the loop instead of one")

    def inputs(self):
        return {"a": parse("int4"), "clear": parse("uint1")}

    def outputs(self):
        return {"s": parse(f"int{self.width}")}

    def golden(self, a, clear):
        a, clear = integers(a, parse("int4")), np.asarray(clear)
        total, sums = np.zeros(a.shape[1:], dtype=object), []
        for value, restart in zip(a, clear, strict=True):
            total = np.where(restart != 0, 0, total).astype(object) + value
            sums.append(total & (1 << self.width) - 1)
        return {"s": np.array(sums, dtype=object).astype(np.uint64).reshape(a.shape)}

    def datapath(self, plan, a, clear):
        shape = signed(self.width)

        def body(plan, old, a, clear):
            kept = plan.step(
                "kept", shape, lambda o, c: Mux(c, 0, o).as_signed(), old, clear, using=Logic()
            )
            for _ in range(3 if self.slow else 0):
                kept = plan.step("copy", shape, lambda o: o, kept, using=Logic(levels=3))
            return plan.step(
                "sum", shape, lambda o, a: o + a, kept, a, using=Adder(self.width), wrap=True
            )

        return {"s": plan.loop("total", shape, body, a, clear)}

    def reference_circuit(self, plan, a, clear):
        def body(plan, old, a, clear):
            return plan.step(
                "next", signed(self.width), lambda o, a, c: Mux(c, a, a + o), old, a, clear,
                wrap=True,
            )  # fmt: skip

        return {"s": plan.loop("state", signed(self.width), body, a, clear)}


@operator("test-broken", summary="multiply-add that is wrong for one pair of operands")
@dataclass(frozen=True, kw_only=True)
class Broken(MultiplyAdd):
    def datapath(self, plan, a, b, c):
        result = super().datapath(plan, a, b, c)["r"]
        hit = plan.step("hit", unsigned(1), lambda a, b: (a == 11) & (b == 13), a, b)
        return {"r": plan.step("r_wrong", unsigned(self.width), lambda r, h: r ^ h, result, hit)}


@operator("test-broken-accumulate", summary="running sum that is wrong at one place")
@dataclass(frozen=True, kw_only=True)
class BrokenAccumulate(Accumulate):
    def datapath(self, plan, a, clear):
        shape = signed(self.width)

        def body(plan, old, a, clear):
            return plan.step(
                "sum",
                shape,
                lambda o, a, c: Mux(c, 0, o) + a + ((o == 3) & (a > 0)),
                *(old, a, clear),
                wrap=True,
            )

        return {"s": plan.loop("total", shape, body, a, clear)}


SAMPLES = (MultiplyAdd, Accumulate, Broken, BrokenAccumulate)

# Other tests look at all operators there are: these are registered only inside a simulator, and
# where a test asks for it.
if "HOLIGRAIL_BENCH" not in os.environ:
    for _cls in SAMPLES:
        del OPERATORS[_cls.name]
