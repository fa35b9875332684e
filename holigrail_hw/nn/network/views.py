"""What a network shows in its report: the graph, and node by node what is exact."""

from holigrail_hw.core.views import Edge, LayeredGraph, Node, Table, View
from holigrail_hw.models import IntegerGraph
from holigrail_hw.models.certify.certificate import certify
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
    return [layers, _certificate(graph)]


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
