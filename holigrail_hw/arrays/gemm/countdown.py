# Amaranth is untyped: its context managers and shapes look wrong to a type checker.
# pyright: reportArgumentType=false, reportGeneralTypeIssues=false

"""Nested counters of a matrix engine: vectors of a tile, tiles of a column, columns of a job."""

from typing import Any

from amaranth import Module, Signal

__all__ = ["countdown"]


def countdown(m: Module, name: str, size: Any, again: Any, *, loads: Any, counts: Any) -> Signal:
    """Whether a counter that begins with a size, again and again, stands at 1.

    Registers say so, and whether the size itself is 1: what is compared is there a cycle before.

    Parameters
    ----------
    size, again : Value
        The size while ``loads`` is high, and from the next cycle on until it is high again.
    counts : Value
        One less; after 1 the size follows.
    """
    left, is_last = Signal(size.shape(), name=f"{name}_left"), Signal(name=f"last_of_{name}")
    single, is_one = Signal(name=f"single_of_{name}"), size == 1
    with m.If(counts):
        m.d.sync += [left.eq(left - 1), is_last.eq(left == 2)]
        with m.If(is_last):
            m.d.sync += [left.eq(again), is_last.eq(single)]
    with m.If(loads):
        m.d.sync += [left.eq(size), is_last.eq(is_one), single.eq(is_one)]
    return is_last
