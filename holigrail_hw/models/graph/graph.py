"""A network in integers: the answer that every kind of hardware is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from holigrail_hw.models.errors import ModelError

from .border import entered, left
from .documents import graph_of, graph_text
from .evaluate import computed
from .front import Front
from .nodes import Adders, Linear, Node, Port
from .ranges import Tensor, result

__all__ = ["IntegerGraph"]


@dataclass(frozen=True, eq=False, kw_only=True)
class IntegerGraph:
    """Nodes in the order in which they can be computed.

    ``semantics`` says in which arithmetic the file's own meaning is stated, ``approximations``
    where the graph leaves it and by how much at most, ``measured`` how far samples were from a
    model of real numbers, ``remarks`` what was taken for granted, ``front`` what a search weighed
    against it.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes: tuple[Node, ...]
    semantics: str = ""
    remarks: tuple[str, ...] = ()
    approximations: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    front: Front | None = None

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """Shape and range of every tensor by its name.

        Raises
        ------
        ModelError
            If operands do not fit, or a sum does not fit into 62 bits.
        """
        known = self.__dict__.get("_known", {})
        found: dict[str, Tensor] = {}
        records: dict[str, tuple[Any, list[Tensor], Tensor]] = {}
        for port in self.inputs:
            ends = [port.shape, port.low, port.high]
            before = known.get(port.tensor)
            if before is None or before[0] != ends:
                tensor = Tensor(port.shape, np.array([port.low]), np.array([port.high]))
                before = (ends, [], tensor)
            records[port.tensor] = before
            found[port.tensor] = before[2]
        for node in self.nodes:
            operands = [found[name] for name in node.inputs]
            before = known.get(node.name)
            # What did not change since another graph was made from is not computed anew.
            if not (
                before is not None
                and before[0] is node
                and all(a is b for a, b in zip(before[1], operands, strict=True))
            ):
                before = (node, operands, result(node, operands, self.name))
            records[node.name] = before
            found[node.name] = before[2]
        self.__dict__["_records"] = records
        return found

    @cached_property
    def macs(self) -> int:
        """Products of weights per frame."""
        total = 0
        for node in self.nodes:
            if isinstance(node, Linear):
                total += int(np.prod(self.tensors[node.name].shape)) * node.taps
            elif isinstance(node, Adders):
                total += node.features * len(node.targets)
        return total

    def users(self) -> dict[str, list[Node]]:
        """Who reads each tensor."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in node.inputs:
                found.setdefault(name, []).append(node)
        return found

    def changed(self, **fields: Any) -> "IntegerGraph":
        """A copy with other fields."""
        copy = replace(self, **fields)
        copy.__dict__["_known"] = self.__dict__.get("_records", self.__dict__.get("_known", {}))
        return copy

    def evaluate(self, *codes: Any, every: bool = False) -> Any:
        """The integers of the outputs for those of the inputs.

        Parameters
        ----------
        *codes
            One integer array per input, (samples, *shape of its tensor).
        every : bool
            Return a dict of all tensors by name instead.

        Raises
        ------
        ModelError
            If an array has another shape, or a code is outside the limits of its input.
        """
        if len(codes) != len(self.inputs):
            raise ModelError(f"{self.name}: there must be {len(self.inputs)} arrays")
        values: dict[str, Any] = {}
        for port, array in zip(self.inputs, codes, strict=True):
            array = np.asarray(array)
            label = f"{self.name}: input {port.name}"
            if array.ndim != len(port.shape) + 1 or array.shape[1:] != port.shape:
                shape = ", ".join(map(str, port.shape))
                raise ModelError(
                    f"{label}: the shape must be (samples, {shape}), not {array.shape}"
                )
            if array.dtype.kind not in "iub":
                raise ModelError(f"{label}: codes must be integers, not {array.dtype}")
            if array.size and not port.low <= array.min() <= array.max() <= port.high:
                raise ModelError(
                    f"{label}: codes must be {port.low} to {port.high}, not {array.min()} to "
                    f"{array.max()}"
                )
            values[port.tensor] = array.astype(np.int64)
        computed(self.nodes, dict(self.tensors), values)
        if every:
            return values
        outputs = tuple(values[port.tensor] for port in self.outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def codes(self, *arrays: Any) -> Any:
        """Codes of the inputs for numbers as the file takes them, (samples, *shape in the file)."""
        found = tuple(
            entered(port, array, self.name) for port, array in zip(self.inputs, arrays, strict=True)
        )
        return found[0] if len(found) == 1 else found

    def real(self, *codes: Any, tail: bool = True) -> Any:
        """The file's numbers of the outputs for their codes; ``tail`` adds its last steps."""
        found = tuple(
            left(port, array, tail) for port, array in zip(self.outputs, codes, strict=True)
        )
        return found[0] if len(found) == 1 else found

    def run(self, *arrays: Any, tail: bool = True) -> Any:
        """What the file computes for its numbers: codes, evaluation, numbers again."""
        codes = self.codes(*arrays)
        outputs = self.evaluate(*codes) if isinstance(codes, tuple) else self.evaluate(codes)
        return (
            self.real(*outputs, tail=tail)
            if isinstance(outputs, tuple)
            else self.real(outputs, tail=tail)
        )

    def to_json(self) -> str:
        """The graph as a document; see :mod:`.documents` for its schema."""
        return graph_text(self)

    @staticmethod
    def from_json(text: str, who: str = "graph") -> "IntegerGraph":
        """The graph of such a document.

        Raises
        ------
        ModelError
            If it is not one, or if it states a range that does not follow from its nodes.
        """
        return graph_of(text, who, IntegerGraph)
