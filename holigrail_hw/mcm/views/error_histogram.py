"""How often a truncated product is off by how much, over all inputs if few, else over a sample."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from holigrail_hw.core.views import Histogram, Panel

from ..graph.adder_graph import AdderGraph
from ..graph.error_bounds import output_errors

__all__ = ["EXHAUSTIVE_BITS", "error_histogram"]

EXHAUSTIVE_BITS = 20
"""Up to this width all inputs are tried."""

_SAMPLE = 1 << 16
_PANELS = 6
_BINS = 64


def error_histogram(
    graph: AdderGraph, names: Sequence[str], input_width: int, signed: bool, bound: int
) -> Histogram | None:
    """Output minus exact product, one panel per output; ``None`` if no output is ever off.

    Outputs that share node and shift share a panel; those with the largest proved errors are shown.
    The limits of a panel are the proved ones; ``bound`` is the requested one.
    """
    x = _inputs(input_width, signed)
    # No node exceeds factor times input plus its error, and that error is below factor times input.
    largest = max(abs(c) for c in graph.constants).bit_length() + input_width
    x = x.astype(np.int64 if largest + 2 < 63 else object)
    proved = output_errors(graph, signed)
    outputs = graph.evaluate(x)
    panels: dict[tuple[Any, ...], Panel] = {}
    order = sorted(range(len(names)), key=lambda i: proved[i][0] - proved[i][1])
    for index in order:
        target = graph.targets[index]
        key = (target.node, target.shift, target.negative)
        if proved[index] == (0, 0) or key in panels:
            continue
        errors = np.asarray(outputs[index] - target.constant * x)
        panels[key] = _panel(f"{names[index]} = {target.constant}x", errors, proved[index])
    if not panels:
        return None
    shown = tuple(list(panels.values())[:_PANELS])
    total = 1 << input_width
    caption = f"All {total} inputs." if len(x) == total else f"{len(x)} of 2^{input_width} inputs."
    caption += f" Lines: the proved limits; asked for: {bound} at most."
    if len(shown) < len(panels):
        caption += f" The {len(shown)} of {len(panels)} outputs with the largest limits."
    return Histogram("Error", shown, "output minus exact product", "inputs", caption)


def _inputs(width: int, signed: bool) -> Any:
    low = -(1 << (width - 1)) if signed else 0
    if width <= EXHAUSTIVE_BITS:
        return np.arange(low, low + (1 << width))
    rng = np.random.default_rng(0)
    words = rng.integers(0, 1 << 32, (-(-width // 32), _SAMPLE), dtype=np.uint64).astype(object)
    codes: Any = sum(word << (32 * place) for place, word in enumerate(words))
    codes = codes & ((1 << width) - 1)
    codes[:2] = 0, (1 << width) - 1
    return codes + low


def _panel(name: str, errors: Any, limits: tuple[int, int]) -> Panel:
    low, high = int(errors.min()), int(errors.max())
    step = max(1, -(-(high - low + 1) // _BINS))
    places = ((errors - low) // step).astype(np.int64)
    counts = np.bincount(places)
    # Bars and lines are centred on the integers they stand for.
    edges = (*(low + step * index - 0.5 for index in range(len(counts))), high + 0.5)
    return Panel(name, edges, tuple(map(int, counts)), (limits[0] - 0.5, limits[1] + 0.5))
