"""A model in real numbers: operators in the order in which they can be computed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .evaluate import evaluate
from .nodes import SourceNode

__all__ = ["FloatGraph", "SourceInput"]


@dataclass(frozen=True)
class SourceInput:
    """An input of one frame. ``shape`` has a leading 1 where the file has a batch."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class FloatGraph:
    """A model in real numbers.

    ``constants`` are arrays by name, ``remarks`` what a reader took for granted.
    """

    name: str
    inputs: tuple[SourceInput, ...]
    outputs: tuple[str, ...]
    nodes: tuple[SourceNode, ...]
    constants: Mapping[str, np.ndarray]
    remarks: tuple[str, ...] = ()

    def evaluate(self, *arrays: Any, every: bool = False) -> Any:
        """The outputs for one array per input, computed in float64.

        Parameters
        ----------
        *arrays
            Shape (samples, *shape of the input), with or without the batch of 1.
        every : bool
            Return a dict of all tensors by name instead.

        Returns
        -------
        numpy.ndarray or tuple of them, or dict
            Shape (samples, *shape of the output).

        Raises
        ------
        ModelError
            If an array has another shape, or an operator refuses its operands.
        """
        return evaluate(self, arrays, every)

    def operators(self) -> set[str]:
        """Names of all operators in use."""
        return {node.operator for node in self.nodes}

    def users(self) -> dict[str, list[SourceNode]]:
        """Who reads each tensor."""
        found: dict[str, list[SourceNode]] = {}
        for node in self.nodes:
            for name in node.inputs:
                found.setdefault(name, []).append(node)
        return found

    def changed(self, **fields: Any) -> "FloatGraph":
        """A copy with other fields."""
        return replace(self, **fields)
