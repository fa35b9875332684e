"""The largest of several numbers and its place: a tree in which two numbers meet at every node.

The left one stays unless the right one is larger, so that of equal numbers (+0 and -0 among them)
the first wins. A NaN loses against every number; if all are NaN, the first one is the answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth import Const, Mux, Shape, Value, unsigned

from holigrail_hw import golden
from holigrail_hw.core import OperatorSpec, operator, parameter
from holigrail_hw.estimate.primitives import Logic, Multiplexer
from holigrail_hw.formats import FixedFormat, Format, parse
from holigrail_hw.hdl import reference
from holigrail_hw.hdl.integer.balanced_tree import balanced_tree
from holigrail_hw.hdl.number.order import order
from holigrail_hw.hdl.number.project import has_hardware
from holigrail_hw.hdl.plan.plan import Plan, Wire

__all__ = ["Argmax"]

_MOST_BITS = 4096


@operator(
    "argmax",
    summary="the largest of several numbers and its place, the first of equals",
    references=("ONNX operator ArgMax, opset 13 (select_last_index = 0)",),
    maturity="preview",
)
@dataclass(frozen=True, kw_only=True)
class Argmax(OperatorSpec):
    """index and value of the largest of x0, x1, ...; latency 0 without a clock request."""

    length: int = parameter(4, "how many numbers", low=2, high=256, samples=(7,))
    format: Format = parameter(parse("int8"), "format of the numbers", samples=(parse("fp8_e4m3"),))

    def check(self) -> list[str]:
        if not has_hardware(self.format):
            return [f"format must be one that operators have hardware for, not {self.format}"]
        bits = self.length * self.format.width
        if bits > _MOST_BITS:
            return [f"length must be at most {_MOST_BITS // self.format.width}, not {self.length}"]
        return []

    def inputs(self) -> dict[str, Format]:
        return {f"x{number}": self.format for number in range(self.length)}

    def outputs(self) -> dict[str, Format]:
        index = FixedFormat((self.length - 1).bit_length(), signed=False)
        return {"index": index, "value": self.format}

    def golden(self, **codes: Any) -> dict[str, Any]:
        """From the first number to the last; each is compared with the largest before it."""
        value = np.asarray(codes["x0"])
        index = np.zeros(value.shape, np.uint64)
        for number in range(1, self.length):
            other = np.asarray(codes[f"x{number}"])
            found = golden.compare_codes(self.format, other, self.format, value)
            known, new = (self.format.unpack(c).is_nan for c in (value, other))
            wins = (found == golden.GREATER) | (known & ~new)
            value, index = np.where(wins, other, value), np.where(wins, number, index)
        return {"index": index.astype(np.uint64), "value": value}

    @property
    def reference_circuit(self) -> Callable[..., Mapping[str, Wire]] | None:
        """Whole numbers at one place, compared from the first to the last."""
        format = self.format
        if not reference.is_known(format, result=format):
            return None
        if not reference.fits(reference.span(format)):
            return None

        def answer(plan: Plan, **codes: Any) -> dict[str, Any]:
            names = list(codes)
            value: Any = Value.cast(codes[names[0]])
            index: Any = Const(0, (self.length - 1).bit_length())
            for number, name in enumerate(names[1:], start=1):
                known = reference.decode(plan, format, value)
                new = reference.decode(plan, format, codes[name])
                found = reference.compare(plan, known, new, alike=True)
                wins = found["less"] | (known.nan & ~new.nan)
                value = Mux(wins, Value.cast(codes[name]), value)
                index = Mux(wins, number, index)
            return {"index": index, "value": value}

        return reference.circuit(self.inputs(), self.outputs(), answer)

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        width = (self.length - 1).bit_length()
        nodes = [
            (
                plan.step(f"code{n}", self.format.width, lambda x: Value.cast(x).as_unsigned(), x),
                plan.constant(n, width),
                x,
            )
            for n, x in enumerate(wires.values())
        ]
        code, index, _ = balanced_tree(nodes, lambda left, right: self._larger(plan, left, right))
        return {"index": index, "value": code}

    def _larger(self, plan: Plan, left: Any, right: Any) -> tuple[Wire, Wire, Wire]:
        """Code, index and number of the winner."""
        found = order(plan, self.format, left[2], self.format, right[2])
        a_nan, b_nan = (side and side.nan for side in (found.a, found.b))
        takes = found.less
        if a_nan and b_nan:
            takes = plan.step(
                "takes", 1, lambda less, a, b: less | (a & ~b), takes, a_nan, b_nan, using=Logic()
            )
        code, index = (
            plan.step(
                name,
                unsigned(a.width),
                lambda t, a, b: Mux(t, b, a),
                takes,
                a,
                b,
                using=Multiplexer(a.width),
            )
            for name, a, b in (("code", left[0], right[0]), ("index", left[1], right[1]))
        )
        return code, index, self._number(plan, code)

    def _number(self, plan: Plan, code: Wire) -> Wire:
        """A code with the shape of the numbers again."""
        if self.format.is_fixed_like and self.format.signed and self.format.codes_are_integers:
            return plan.step(
                "number", Shape(self.format.width, True), lambda c: c.as_signed(), code
            )
        return code
