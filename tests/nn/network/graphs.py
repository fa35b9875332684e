"""Small integer graphs of random numbers, for tests of the styles of a network."""

from typing import Any

import numpy as np

from holigrail_hw.models.graph.forms import Form, Multiplier, Thresholds
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear, Node, Port, Requantise
from holigrail_hw.models.source.windows import Window

__all__ = [
    "FORMS", "WINDOWS", "coded", "dense", "graph", "linear", "multiplier", "thresholds",
]  # fmt: skip


def graph(shape: tuple[int, ...], low: int, high: int, *nodes: Node) -> IntegerGraph:
    """Nodes behind one input ``x``; the result is the last one."""
    ports = []
    for name, ends in (("x", (low, high)), (nodes[-1].name, (0, 0))):
        ports.append(
            Port(
                name=name,
                tensor=name,
                file_shape=(1, *shape),
                shape=shape,
                low=ends[0],
                high=ends[1],
            )
        )
    return IntegerGraph(name="g", inputs=(ports[0],), outputs=(ports[1],), nodes=nodes)


def linear(
    rng: np.random.Generator,
    name: str,
    operand: str,
    sizes: tuple[int, int],
    *,
    edge: int = 8,
    window: Window | None = None,
    group: int = 1,
    zero: int = 0,
) -> Linear:
    """Weights from -edge to edge - 1, of which some rows are zero."""
    inputs, outputs = sizes
    shape = (inputs,) if window is None else (*window.kernel, inputs // group)
    weights = rng.integers(-edge, edge, (*shape, outputs)) * (rng.random((*shape, 1)) < 0.9)
    bias = rng.integers(-30, 30, outputs)
    fields: dict[str, Any] = {"zero": zero, "window": window, "group": group}
    return Linear(name=name, inputs=(operand,), weights=weights, bias=bias, **fields)


def thresholds(rng: np.random.Generator, channels: int, gap: int | None = None) -> Thresholds:
    """At random places, or at even distances; rising and falling."""
    count = int(rng.integers(1, 8))
    if gap is None:
        values = np.sort(rng.integers(-40, 40, (count, channels)), axis=0)
    else:
        values = np.arange(count)[:, None] * gap + rng.integers(-20, 5, (1, channels))
    base = rng.integers(-4, 2, channels)
    return Thresholds(values, base, int(rng.integers(1, 4)), rng.choice([1, -1], channels))


def multiplier(
    rng: np.random.Generator, channels: int, factor: int = 20, *, even: int = 0
) -> Multiplier:
    """Factors of both signs, 0 among them."""
    factors = rng.integers(-factor, factor + 1, channels)
    constants, shifts = rng.integers(-40, 40, channels), rng.integers(0, 6, channels)
    low, high = int(rng.integers(-9, 1)), int(rng.integers(1, 17))
    return Multiplier(factors, constants, shifts, low, high, even)


def coded(name: str, operand: str, form: Form) -> Requantise:
    """A requantisation of a form alone."""
    formula: Any = None
    return Requantise(name=name, inputs=(operand,), formula=formula, form=form)


def dense(seed: int, form: Any, last: Any = None, low: int = -8, high: int = 7, zero: int = 0):
    """Two matrices with codes between them and, with ``last``, behind them."""
    rng = np.random.default_rng(seed)
    nodes = [linear(rng, "a", "x", (4, 3), zero=zero), coded("b", "a", form(rng, 3))]
    nodes.append(linear(rng, "c", "b", (3, 2)))
    return graph(
        (4,), low, high, *nodes, *([] if last is None else [coded("d", "c", last(rng, 2))])
    )


FORMS = {
    "random thresholds": thresholds,
    "thresholds in steps of 4": lambda rng, n: thresholds(rng, n, 4),
    "thresholds in steps of 3": lambda rng, n: thresholds(rng, n, 3),
    "one bit": lambda rng, n: Thresholds(
        rng.integers(-9, 9, (1, n)), np.zeros(n, int), 1, np.ones(n, int)
    ),
    "bipolar": lambda rng, n: Thresholds(
        rng.integers(-9, 9, (1, n)), np.full(n, -1), 2, np.ones(n, int)
    ),
    "factors": multiplier,
    "ties to even": lambda rng, n: multiplier(rng, n, even=1),
    "shifts to even": lambda rng, n: multiplier(rng, n, 1, even=1),
    "odd limits, to even": lambda rng, n: Multiplier(
        np.ones(n, int), rng.integers(-9, 9, n), np.full(n, 3), -7, 7, 1
    ),
    "minus one to zero, to even": lambda rng, n: Multiplier(
        np.ones(n, int), rng.integers(-9, 9, n), np.full(n, 4), -1, 0, 1
    ),
}

WINDOWS = (
    (Window((3, 3), pads=(1, 1, 1, 1)), 1, 0),
    (Window((2, 3), (2, 1), (1, 2), (0, 2, 1, 1)), 2, 1),
    (Window((1, 1)), 1, -1),
    (Window((4, 2), (1, 3), pads=(2, 0, 0, 1)), 4, 0),
    (Window((5, 4)), 1, 0),
)
