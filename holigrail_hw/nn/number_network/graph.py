"""A network in numbers of stated formats: the answer that its hardware is compared with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from holigrail_hw.formats import Format, FormatError, Rounding, parse
from holigrail_hw.kernels import Gemm
from holigrail_hw.models.errors import ModelError
from holigrail_hw.models.formulas.arrays import decoded, encoded
from holigrail_hw.models.source.windows import Window

from .nodes import KINDS, Node, Product, Round

__all__ = ["NumberGraph"]

SCHEMA = 1
_BROKEN = (LookupError, TypeError, ValueError, AttributeError, RecursionError, ArithmeticError)


@dataclass(frozen=True, eq=False, kw_only=True)
class NumberGraph:
    """Nodes in the order in which they can be computed; the last one is the output.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Of a sample, without the batch.
    nodes : tuple of Node
        Their operand is ``x``, the input, or a node before.
    """

    name: str
    shape: tuple[int, ...]
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        known, wrong = {"x"}, []
        for node in self.nodes:
            if node.input not in known or node.name in known:
                wrong.append(f"{self.name}: {node.name}: its operand must come before it")
            known.add(node.name)
        if not self.products:
            wrong.append(f"{self.name}: there must be a product")
        if wrong:
            raise ModelError(wrong)

    @property
    def products(self) -> tuple[Product, ...]:
        """What a matrix engine computes."""
        return tuple(node for node in self.nodes if isinstance(node, Product))

    @property
    def result(self) -> Format:
        """The format of the output."""
        for node in reversed(self.nodes):
            if isinstance(node, Round):
                return node.format
            if isinstance(node, Product):
                return node.gemm.accumulator
        raise AssertionError("a graph has a product")

    def evaluate(
        self, x: Any, *, golden: bool = False, every: bool = False, product: Any = None
    ) -> Any:
        """Numbers of the output, float64, for samples (samples, *shape).

        Parameters
        ----------
        golden : bool
            By the golden models instead of the compiled kernels.
        every : bool
            A dict of all tensors by name.
        product : callable or None
            ``product(node, left, right)`` gives sums of two factors: an engine's, say.

        Raises
        ------
        ModelError
            If samples have another shape.
        """
        x = np.asarray(x, np.float64)
        if x.shape[1:] != self.shape:
            shape = ", ".join(map(str, self.shape))
            raise ModelError(f"{self.name}: samples must be (samples, {shape}), not {x.shape}")
        values: dict[str, np.ndarray] = {"x": x}
        for node in self.nodes:
            operand = values[node.input]
            if product is not None and isinstance(node, Product):
                sums = np.asarray(product(node, *node.operands(operand)), np.float64)
                values[node.name] = node.finished(sums, operand)
            else:
                values[node.name] = node.apply(operand, golden=golden)
        return values if every else values[self.nodes[-1].name]

    def codes(self, numbers: Any) -> np.ndarray:
        """Codes of numbers of the output."""
        return self.result.encode(numbers)

    def to_json(self) -> str:
        """The graph as a document; equal graphs give equal texts."""
        nodes = [_document(node) for node in self.nodes]
        document = {"numbers": SCHEMA, "name": self.name, "shape": self.shape, "nodes": nodes}
        return json.dumps(document, indent=1) + "\n"

    @staticmethod
    def from_json(text: str, who: str = "graph") -> "NumberGraph":
        """The graph of such a document.

        Raises
        ------
        ModelError
            If it is none.
        """
        try:
            document = json.loads(text)
            if document["numbers"] != SCHEMA:
                raise ModelError(f"{who}: numbers must be {SCHEMA}, not {document['numbers']}")
            return NumberGraph(
                name=str(document["name"]),
                shape=tuple(int(size) for size in document["shape"]),
                nodes=tuple(_made(item, who) for item in document["nodes"]),
            )
        except (ModelError, FormatError):
            raise
        except _BROKEN as error:
            name = type(error).__name__
            raise ModelError(f"{who}: must be a graph of numbers, not fail ({name})") from None


def _gemm_document(gemm: Gemm) -> dict[str, Any]:
    """All that differs from the defaults of a product."""
    found = {}
    for item in fields(Gemm):
        value = getattr(gemm, item.name)
        if value != item.default and not (item.name == "product" and value == gemm.accumulator):
            found[item.name] = value if isinstance(value, int) else str(value)
    return found


def _document(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": node.kind}
    for item in fields(node):
        value = getattr(node, item.name)
        if isinstance(value, np.ndarray):
            value = encoded(value)
        elif isinstance(value, Gemm):
            value = _gemm_document(value)
        elif isinstance(value, Window):
            value = {part.name: getattr(value, part.name) for part in fields(value)}
        elif isinstance(value, Format):
            value = str(value)
        found[item.name] = value
    return found


def _made(document: Mapping[str, Any], who: str) -> Node:
    cls = KINDS[document["kind"]]
    values: dict[str, Any] = {}
    for item in fields(cls):
        value = _value(item.name, document[item.name], f"{who}: {item.name}")
        values[item.name] = value
    return cls(**values)


def _value(name: str, value: Any, who: str) -> Any:
    if name == "gemm":
        return Gemm(**dict(value))
    if name in ("weights", "bias") and value is not None:
        return decoded(value, who)
    if name == "window" and value is not None:
        return Window(**{key: tuple(pair) for key, pair in value.items()})
    return {"format": parse, "rounding": Rounding}.get(name, lambda same: same)(value)
