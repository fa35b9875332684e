"""Words that a matrix product moves, by the level of memory, as data for estimates of energy."""

from collections.abc import Mapping

from holigrail_hw.core.accesses import Accesses, Moved
from holigrail_hw.core.spec import OperatorSpec

from .tiling import Tiling

__all__ = ["BUFFER_BYTES", "HELD", "border_accesses"]

BUFFER_BYTES = 8192
"""Size of the buffers outside an array, which has none of its own."""

HELD = {"enable": 1, "clear": 0}
"""Operands of an element that are the same all the time it adds."""


def passes_of_weights(tiling: Tiling) -> int:
    """How often every weight crosses the border."""
    return tiling.words["weight"] // (tiling.k * tiling.n)


def border_accesses(
    tiling: Tiling,
    cycles: int,
    element: OperatorSpec,
    *,
    bits: Mapping[str, int],
    words: Mapping[str, int] | None = None,
    each: int = 1,
) -> Accesses:
    """Of an array alone: what crosses its border is in buffers, each operand outside the chip once.

    Partial sums that are added up outside are read back, all but the first of each.

    Parameters
    ----------
    element : OperatorSpec
        ``each`` products and their addition.
    bits : mapping
        Of an ``activation``, a ``weight`` and a ``result``.
    words : mapping or None
        Words across the border, those of the tiling by default.
    """
    words = dict(words or tiling.words)
    outputs = tiling.m * tiling.n
    read_back = words["result"] - outputs
    # Of a sparse model only the weights that are kept.
    weights = words["weight"] // passes_of_weights(tiling)
    outside = {"activation": tiling.m * tiling.k, "weight": weights, "result": outputs}
    moved = [Moved(f"{name}s", count, bits[name], BUFFER_BYTES) for name, count in words.items()]
    if read_back:
        moved.append(Moved("partial sums read back", read_back, bits["result"], BUFFER_BYTES))
    moved += [Moved(f"{name}s, once", n, bits[name], None) for name, n in outside.items()]
    job = f"{tiling.m} x {tiling.k} x {tiling.n}, buffers of {BUFFER_BYTES >> 10} KiB"
    return Accesses(job, tiling.products, cycles, element, tuple(moved), HELD, each)
