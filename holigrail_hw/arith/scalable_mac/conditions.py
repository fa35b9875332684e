# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportReturnType=false, reportOperatorIssue=false

"""Bits that are set in some modes, and constants that depend on the mode."""

from collections.abc import Iterable, Sequence
from typing import Any

from amaranth import Const, Value

from holigrail_hw.estimate.primitives import Logic
from holigrail_hw.hdl.integer.bit_heap import Bit
from holigrail_hw.hdl.plan.plan import Plan, Wire

__all__ = ["Conditions"]


class Conditions:
    """Which of ``count`` cases an item is, by the code on a wire.

    Codes beyond the last stand for the last. Without a wire there is one case. The bits found are
    operands of the steps that use them, by their place in :attr:`wires`.
    """

    def __init__(self, plan: Plan, code: Wire | None, count: int):
        self._plan, self._code, self._count = plan, code, count
        self._found: dict[frozenset[int], int] = {}
        self.wires: list[Wire] = []

    @property
    def every(self) -> frozenset[int]:
        """All cases."""
        return frozenset(range(self._count))

    def bit(self, cases: Iterable[int]) -> int:
        """The place in :attr:`wires` of a bit that is set in some cases, neither all nor none."""
        key = frozenset(cases)
        if key not in self._found:
            self._found[key] = len(self.wires)
            self.wires.append(self._made(key))
        return self._found[key]

    def wire(self, cases: Iterable[int]) -> Wire:
        """The same bit as a wire; a constant for all cases or none."""
        key = frozenset(cases)
        if key in (self.every, frozenset()):
            return self._plan.constant(int(bool(key)), 1)
        return self.wires[self.bit(key)]

    def constant_bits(
        self, constants: Sequence[int], width: int, first: int
    ) -> tuple[int, list[Bit]]:
        """A constant for every case, as one for all and bits of a heap, modulo 2^width.

        ``first`` is the place of :attr:`wires` among the operands of the heap; all bits that this
        needs are in it when this returns.
        """
        fixed, bits = 0, []
        for column in range(width):
            cases = {case for case, value in enumerate(constants) if value >> column & 1}
            if len(cases) == self._count:
                fixed |= 1 << column
            elif cases:
                index = first + self.bit(cases)
                bits.append(Bit(column, False, lambda *v, index=index: v[index]))
        return fixed, bits

    def _made(self, cases: frozenset[int]) -> Wire:
        assert self._code is not None
        width = self._code.width
        codes = [code for code in range(1 << width) if min(code, self._count - 1) in cases]

        def decoded(code: Any) -> Value:
            found: Any = Const(0, 1)
            for one in codes:
                found = found | (code == one)
            return found

        name = "_".join(["in", *map(str, sorted(cases))])
        return self._plan.step(name, 1, decoded, self._code, using=Logic())
