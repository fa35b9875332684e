# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportGeneralTypeIssues=false

"""What decides whether a vector may enter the array."""

from typing import Any

from amaranth import Cat, Const, Module, Signal

__all__ = ["Gate"]


class Gate:
    """In front of the array: it decides whether the vector at the entry may go on.

    ``allowed`` needs room for results and for a status, verdicts on what was fed, a distance to
    the last tile, and parameters that no earlier tile has claimed. ``taken`` marks what goes on.
    """

    def __init__(self, tags: Any, resumable: bool):
        self.tags = tags
        self.keeps: Any = tags.keep if resumable else Const(0)
        self.taken = Signal()
        self.claimed = Signal()
        self.swap = Signal()
        self.room = Signal()
        self.status_room = Signal()
        self.spaced = Signal()
        self.allowed = Signal()
        self.judged = Signal()
        self.code = Signal(3)

    def judge(self, m: Module, verdicts: list[Any]) -> None:
        """The first fault counts: of vectors, then of weights, then of parameters."""
        tags = self.tags
        m.d.comb += self.code.eq(tags.code)
        # The parameters' verdict is the last one; without results there are no parameters.
        needed = [Const(1), ~self.keeps]
        whole = [~need | verdict.valid for need, verdict in zip(needed, verdicts, strict=False)]
        m.d.comb += self.judged.eq(Cat(whole).all() | ~tags.vector)
        for place, verdict in reversed(list(enumerate(verdicts))):
            with m.If(tags.vector & needed[place] & (verdict.payload != 0)):
                m.d.comb += self.code.eq(2 * place + 3 + verdict.payload)
            taken = self.taken & tags.ends & tags.vector & needed[place]
            m.d.comb += verdict.ready.eq(taken)
