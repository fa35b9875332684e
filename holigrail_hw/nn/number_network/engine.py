"""A network of numbers on the matrix engine: its parameters, and the host's side.

The engine sums one product after the other along K, in the network's own format and with its own
rounding; biases are its first products. Between layers the host rounds, takes maxima and makes
windows, as :mod:`.nodes` says.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from holigrail_hw.arrays.gemm.host import GemmHost
from holigrail_hw.arrays.gemm.operator import Gemm
from holigrail_hw.core import RequestError
from holigrail_hw.core.link import Link
from holigrail_hw.formats import Format
from holigrail_hw.models.errors import ModelError

from .graph import NumberGraph
from .nodes import Product

__all__ = ["NumberHost", "engine_of"]

_DEPTH = 256


def engine_of(graph: NumberGraph, rows: int = 4, columns: int = 4, **options: Any) -> Gemm:
    """The operator ``gemm`` that computes all products of a graph.

    Parameters
    ----------
    graph : NumberGraph
    rows, columns : int
        Of the array.
    **options
        Other parameters of ``gemm``, such as ``multiplier`` or ``accumulator_depth``.

    Raises
    ------
    RequestError
        If products have different arithmetics, or one that the engine does not have.
    """
    arithmetics = {node.gemm: None for node in graph.products}
    if len(arithmetics) != 1:
        raise RequestError(
            f"{graph.name}: all products must have one arithmetic to share an engine, not"
            f" {len(arithmetics)}"
        )
    (gemm,) = arithmetics
    wrong = []
    if gemm.accumulation not in ("fused", "cascade", "exact"):
        wrong.append(f"accumulation must be fused, cascade or exact, not {gemm.accumulation}")
    if gemm.via != "exact":
        wrong.append(f"via must be exact, not {gemm.via}")
    if gemm.rounding.is_stochastic:
        wrong.append("rounding must not be stochastic in an array, which has no random words")
    if gemm.chunk not in (None, rows):
        wrong.append(f"chunk must be the rows of the array, {rows}, or none, not {gemm.chunk}")
    if wrong:
        raise RequestError([f"{graph.name}: {text}" for text in wrong])
    try:
        longest = max(len(node.matrix) + len(node.leading[0]) for node in graph.products)
    except ModelError as error:
        raise RequestError([f"{graph.name}: {text}" for text in error.violations]) from None
    least = -(-longest // rows)
    given: dict[str, Any] = {
        "rows": rows,
        "columns": columns,
        "activation": gemm.a,
        "weight": gemm.b,
        "sum_rounding": gemm.rounding,
        "accumulation": gemm.accumulation,
        "order": "tiles" if gemm.chunk or gemm.accumulation == "exact" else "sequential",
        "activation_depth": max(_DEPTH, least),
    }
    if gemm.accumulation == "exact":
        given["result"] = gemm.accumulator
    else:
        given |= {"accumulator": gemm.accumulator, "requantiser": None}
    if gemm.accumulation == "cascade":
        given["product"] = gemm.product
    return Gemm(**given | options)


@dataclass(frozen=True)
class NumberHost:
    """A graph whose products run on the engine behind a link.

    Raises
    ------
    RequestError
        If the link's engine is no ``gemm``, or one of other formats.
    """

    graph: NumberGraph
    link: Link

    def __post_init__(self) -> None:
        spec = self.link.spec
        wanted: list[tuple[str, Format]] = []
        for node in self.graph.products:
            wanted += [("activation", node.gemm.a), ("weight", node.gemm.b)]
            wanted.append(("final", node.gemm.accumulator))
        for name, format in wanted:
            if getattr(spec, name, None) != format:
                raise RequestError(
                    f"number host: the engine's {name} must be {format}, not"
                    f" {getattr(spec, name, None)}"
                )

    def run(self, x: Any) -> np.ndarray:
        """Numbers of the output for samples, all products computed by the engine."""
        host = GemmHost(self.link)

        def product(node: Product, left: np.ndarray, right: np.ndarray) -> np.ndarray:
            return host.multiply(left, right)

        return self.graph.evaluate(x, product=product)
