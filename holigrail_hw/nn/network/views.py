"""What a network shows in its report: the graph, and node by node what is exact."""

from holigrail_hw.core.views import Dot, Edge, LayeredGraph, Node, Scatter, Table, View
from holigrail_hw.models import IntegerGraph
from holigrail_hw.models.certify.certificate import certify
from holigrail_hw.models.graph.front import Front
from holigrail_hw.models.picture import drawing

__all__ = ["network_views"]


def network_views(graph: IntegerGraph) -> list[View]:
    """The layers as a graph, and the certificate and the ranges as one table."""
    picture = drawing(graph)
    layers = LayeredGraph(
        picture.title,
        tuple(Node(box.name, box.label, box.row, box.kind, box.notes) for box in picture.nodes),
        tuple(Edge(a.source, a.target, a.label, a.kind) for a in picture.edges),
        picture.row_name,
        "The layers as integers; what stands below a name is its shape and its integers.",
    )
    return [layers, _certificate(graph), *_front(graph.front)]


def _front(front: Front | None) -> list[View]:
    """What a search weighed against the network: all of it as a plot, the best as a table."""
    if front is None:
        return []
    best = {*front.best}
    dots = tuple(Dot(p.cost, p.value, p.label, p.chosen or p in best) for p in front.points)
    plot = Scatter(
        "Formats per layer",
        dots,
        front.cost,
        front.what,
        (False, front.more_is_better),
        f"{len(front.points)} networks; blue: what no other beats, and what a search chose.",
    )
    shown = {p for p in front.points if p.chosen or p in best}
    order = sorted(shown, key=lambda p: (p.cost, p.value, p.label))
    rows = tuple((p.label, p.cost, p.value, p in best, p.chosen) for p in order)
    header = ("formats", front.cost, front.what, "nothing beats it", "chosen")
    return [plot, Table("Formats that were weighed", header, rows)]


def _certificate(graph: IntegerGraph) -> Table:
    certificate = certify(graph)
    rows = []
    for node, entry in zip(graph.nodes, certificate.entries, strict=True):
        tensor = graph.tensors[node.name]
        rows.append(
            (
                entry.node,
                entry.kind,
                " x ".join(map(str, tensor.shape)),
                f"{int(tensor.low.min())} to {int(tensor.high.max())}",
                f"{entry.width}",
                entry.verdict,
                ", ".join(part for part in (entry.form, entry.meaning) if part),
            )
        )
    return Table(
        f"Certificate: {certificate.verdict}",
        ("node", "kind", "shape", "integers", "bits", "verdict", "how"),
        tuple(rows),
        "Proved: the hardware's rule gives the code of the file's own formula for every sum that"
        " can occur. Everything else is exact arithmetic of integers.",
    )
