"""A model and a box in; a network of integers, its certificate, and what is told of both out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from holigrail_hw.models.checker.document import KIND, digest, sealed, text_of
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.layered import layered
from holigrail_hw.models.source.graph import FloatGraph

from .adder_layers import AdderLayers, Designer
from .analysis import Analysis
from .cost import COSTS
from .formats import everything
from .integers import integer_network
from .losses import with_losses
from .partition import Box
from .request import Allowed, settled_errors
from .search import MOST_BITS, Found, Search

__all__ = ["Certified", "Unreachable", "certified"]

SAMPLES = 5000
# What a bound is raised by, so that exact arithmetic elsewhere proves it too.
_ROOM = Fraction(1, 1 << 20)


class Unreachable(ModelError):
    """No formats are within the error that was asked for."""


@dataclass(frozen=True, eq=False)
class Certified:
    """The network and the certificate as texts too, and ``facts`` for people.

    ``costs`` are those of the formats that were found, of the same with nothing left out, and of
    the cheapest uniform ones, if there are any; ``bound`` and ``worst`` are the proved error of
    every output and that of samples.
    """

    graph: IntegerGraph
    network_text: str
    certificate_text: str
    facts: Mapping[str, Any]
    costs: tuple[float, float, float | None]
    bound: tuple[Fraction, ...]
    worst: np.ndarray


def certified(
    source: FloatGraph,
    content: bytes,
    box: Box,
    allowed: Allowed,
    *,
    asked: str,
    operator: str,
    file: str,
    cost: str = "bits",
    boxes: int = 128,
    seed: int = 1,
    designer: Designer | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Certified:
    """The cheapest formats found with a proved error over a box.

    Parameters
    ----------
    source, content : FloatGraph, bytes
        The model and its file.
    box : Box
        For every input its least and its greatest value, in numbers of the file.
    allowed : Allowed
        The errors of the outputs, in numbers of the file.
    asked, operator, file : str
        For the certificate: the error as it was asked for, the operator that takes the network, and
        what its file is called.
    cost : str
        One of :data:`.cost.COSTS`.
    boxes : int
        Into how many boxes the box is cut at most.
    seed : int
        Of samples.
    designer : Designer or None
        Finds graphs of adders, which may then lose bits where that takes fewer one-bit adders.
    progress : callable
        Takes a line about what is happening.

    Raises
    ------
    Unreachable
        If no formats are within the errors.
    ModelError
        If the model is no chain of layers, or the error has no meaning.
    """
    network, who = layered(source), source.name
    if cost not in COSTS:
        raise ModelError(f"{who}: the cost must be one of {', '.join(COSTS)}, not {cost}")
    samples = _samples(box, np.random.default_rng(seed))
    shaped = samples.reshape(-1, *source.inputs[0].shape)
    wanted = source.evaluate(shaped).reshape(len(samples), -1)
    reached = [*zip(wanted.min(axis=0).tolist(), wanted.max(axis=0).tolist(), strict=True)]
    errors = settled_errors(allowed, reached, who)
    factors = [abs(a) for a in network.leave[0]]
    limit = [float(e / a * (1 - 2 * _ROOM)) for e, a in zip(errors, factors, strict=True)]
    analysis = Analysis(network, box)
    search = Search(analysis, np.array(limit), cost, progress)
    best, uniform = search.run(boxes)
    if best is None:
        raise Unreachable(
            f"{who}: an error of {asked} must be reached with at most {MOST_BITS} fraction bits"
            " and sums of 62 bits, not with more",
            hint="allow a greater error, a smaller box, or more boxes",
        )
    costs = (best.cost, _whole(search, best), None if uniform is None else uniform.cost)
    ports = source.inputs[0].name, source.outputs[0]
    best, graph, adders = _built(search, best, box, ports, factors, designer)
    bound = _bound(best, factors)
    worst = np.abs(graph.run(shaped).reshape(len(samples), -1) - wanted).max(axis=0)
    facts = _formats(best) | _costs(cost, costs, uniform) | adders
    facts["bound"] = ", ".join(f"{float(value):.6g}" for value in bound)
    facts["worst of samples"] = ", ".join(f"{value:.6g}" for value in worst)
    facts["samples"], facts["boxes"] = SAMPLES, len(analysis.leaves)
    text = graph.to_json()
    document = {
        "schema": 1,
        "kind": KIND,
        "operator": operator,
        "model": {"name": who, "sha256": digest(content)},
        "network": {"name": file, "sha256": digest(text.encode())},
        "box": [[str(low), str(high)] for low, high in box],
        "asked": asked,
        "error": [str(value) for value in errors],
        "bound": [str(value) for value in bound],
        "formats": {
            "input": best.formats.input,
            "weights": [[*rows] for rows in best.formats.weights],
            "values": [*best.formats.values],
        },
        "kept": [row.nonzero()[0].tolist() for row in best.numbers.kept],
        "boxes": analysis.partition.preorder(),
        "found": {name: str(value) for name, value in facts.items()},
    }
    return Certified(graph, text, text_of(sealed(document)), facts, costs, bound, worst)


def _bound(best: Found, factors: Sequence[Fraction]) -> tuple[Fraction, ...]:
    return tuple(
        Fraction(float(size)) * a * (1 + _ROOM)
        for size, a in zip(best.error.size.max(axis=0), factors, strict=True)
    )


def _built(
    search: Search,
    best: Found,
    box: Box,
    ports: tuple[str, str],
    factors: Sequence[Fraction],
    designer: Designer | None,
) -> tuple[Found, IntegerGraph, dict[str, Any]]:
    """The network of integers, with lost bits if that takes fewer one-bit adders."""
    network = search.analysis.network

    def built(found: Found, lossy: AdderLayers | None) -> IntegerGraph:
        said = ", ".join(f"{float(value):.4g}" for value in _bound(found, factors))
        text = f"{network.name}: over the box of its certificate outputs are off by at most {said}"
        spread, _ = search.analysis.spread(found.numbers)
        return integer_network(network, found.numbers, box, spread, ports, text, lossy)

    if designer is None:
        return best, built(best, None), {}
    exact = AdderLayers(designer)
    graph = built(best, exact)
    plain = sum(exact.chosen)
    facts: dict[str, Any] = {"one-bit adders, exact": plain}
    other = with_losses(search, best, graph, designer, exact.chosen, search.progress)
    if other is not None:
        lossy = AdderLayers(designer)
        made = built(other, lossy)
        pairs = [*zip(lossy.exact, lossy.chosen, strict=True)]
        if sum(lossy.chosen) < plain:
            best, graph = other, made
            facts["one-bit adders"] = sum(lossy.chosen)
            facts["layers that lose bits"] = sum(a != b for a, b in pairs)
    if "one-bit adders" not in facts:
        facts["layers that lose bits"] = 0
    return best, graph, facts


def _samples(box: Box, rng: np.random.Generator) -> np.ndarray:
    """Points of the box: corners, up to 256 of them, then random ones."""
    low, high = (np.array([float(pair[i]) for pair in box]) for i in (0, 1))
    wide = [i for i in range(len(box)) if low[i] < high[i]][:8]
    corners = np.tile(low, (1 << len(wide), 1))
    for place, axis in enumerate(wide):
        chosen = (np.arange(len(corners)) >> place) & 1
        corners[:, axis] = np.where(chosen, high[axis], low[axis])
    return np.concatenate([corners, rng.uniform(low, high, (SAMPLES, len(low)))])


def _whole(search: Search, best: Found) -> float:
    """The cost with nothing left out: what is has as many bits as others of its layer."""
    rows = []
    for bits, kept in zip(best.formats.weights, best.numbers.kept, strict=True):
        most = max(b for b, is_kept in zip(bits, kept, strict=True) if is_kept)
        rows.append(tuple(b if is_kept else most for b, is_kept in zip(bits, kept, strict=True)))
    formats = replace(best.formats, weights=tuple(rows))
    return search.price.total(formats, everything(search.analysis.network))


def _formats(best: Found) -> dict[str, Any]:
    formats, kept = best.formats, best.numbers.kept
    shown = []
    for rows, values, layer in zip(formats.weights, formats.values, kept, strict=True):
        bits = {rows[i] for i in layer.nonzero()[0]}
        ends = f"{min(bits)} to {max(bits)}" if len(bits) > 1 else f"{max(bits)}"
        shown.append(f"{ends} / {values}")
    count = sum(len(row) for row in kept)
    return {
        "fraction bits of the input": formats.input,
        "fraction bits of weights / values": ", ".join(shown),
        "numbers left out": f"{count - sum(int(row.sum()) for row in kept)} of {count}",
    }


def _costs(
    name: str, costs: tuple[float, float, float | None], uniform: Found | None
) -> dict[str, Any]:
    best, whole, other = costs
    found: dict[str, Any] = {f"cost ({name})": round(best)}
    if whole != best:
        found["cost with nothing left out"] = round(whole)
    if uniform is None or not other:
        return found | {"cost of uniform formats": "none within the error"}
    bits = uniform.formats.input
    return found | {
        f"cost of uniform {bits} fraction bits": round(other),
        "saving (%)": round(100 * (1 - best / other), 1),
    }
