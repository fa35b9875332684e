"""The unrolled network as one planned operator: all elements of a frame in, all results out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.core import OperatorSpec, Timing
from holigrail_hw.formats import FixedFormat, Format
from holigrail_hw.hdl.plan.plan import Plan, Wire
from holigrail_hw.mcm.matrix.circuit import MatrixCircuit
from holigrail_hw.mcm.matrix.design import MatrixDesign, design_remarks
from holigrail_hw.mcm.matrix.graph import Matrix
from holigrail_hw.mcm.native.library import slow_remark
from holigrail_hw.models.graph.graph import IntegerGraph

from ..frames import Frames, frames_of
from .datapath import datapath
from .matrices import Search, designs
from .operations import Given, Sums, Unrolled
from .unroll import unrolled

__all__ = ["Frame"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame(OperatorSpec):
    """Inputs ``x0``, ``x1`` ... are the elements of a frame, ``result0`` ... those of its results.

    Parameters
    ----------
    graph : IntegerGraph
        With one input, one output and a form in every requantisation.
    search : Search
        How adders are searched for.
    levels : int or None
        Most adders between two registers of a matrix; None for registers where the clock needs
        them.
    """

    name: ClassVar[str] = "network"
    summary: ClassVar[str] = "a trained network, unrolled"
    references: ClassVar[tuple[str, ...]] = ()
    maturity: ClassVar[str] = "preview"

    graph: IntegerGraph
    search: Search = Search()
    levels: int | None = None

    def __post_init__(self) -> None:
        """Nothing: what is held is no parameter, and was judged before."""

    @cached_property
    def unrolled(self) -> Unrolled:
        """The operations."""
        return unrolled(self.graph)

    @cached_property
    def designs(self) -> Mapping[Matrix, MatrixDesign]:
        """The adder graphs, by the search or from the cache."""
        return designs(self.unrolled, self.search)

    @property
    def given(self) -> list[MatrixCircuit]:
        """Graphs of adders that the model has itself."""
        return [one.circuit for one in self.unrolled.operations if isinstance(one, Given)]

    def prepare(self, progress: Callable[[str], None]) -> str | None:
        found = designs(self.unrolled, self.search, progress)
        if any(design.stopped for design in found.values()):
            return slow_remark("search stopped, going on with the best matrices so far")
        return slow_remark()

    @cached_property
    def _made(self) -> dict[Any, Any]:
        """Constants and stages of matrices, which no timing request changes."""
        return {}

    def _frames(self, port: Any) -> Frames:
        tensor = self.graph.tensors[port.tensor]
        low, high = (np.broadcast_to(end, tensor.shape) for end in (tensor.low, tensor.high))
        return frames_of(low, high, int(np.prod(tensor.shape)))

    @cached_property
    def formats(self) -> tuple[tuple[FixedFormat, ...], tuple[FixedFormat, ...]]:
        """Of the elements and of the results."""
        ports = self.graph.inputs[0], self.graph.outputs[0]
        entering, leaving = (self._frames(port).formats for port in ports)
        return entering, leaving

    def inputs(self) -> dict[str, Format]:
        return {f"x{index}": format for index, format in enumerate(self.formats[0])}

    def outputs(self) -> dict[str, Format]:
        return {f"result{index}": format for index, format in enumerate(self.formats[1])}

    def golden(self, **codes: Any) -> dict[str, Any]:
        entering, leaving = (self._frames(p) for p in (self.graph.inputs[0], self.graph.outputs[0]))
        shape = np.shape(codes["x0"])
        flat = {
            f"value{i}": np.asarray(codes[name]).reshape(-1) for i, name in enumerate(self.inputs())
        }
        frames = entering.integers(flat).reshape(-1, *self.graph.inputs[0].shape)
        items = leaving.items(self.graph.evaluate(frames))
        names = enumerate(self.outputs())
        return {name: items[f"value{index}"].reshape(shape) for index, name in names}

    def stimulus(self, rng: np.random.Generator, count: int) -> dict[str, Any]:
        """Codes within the limits of the model's input; others have no stated result."""
        port = self.graph.inputs[0]
        frames = rng.integers(port.low, port.high, (count, len(self.formats[0])), endpoint=True)
        mask = [(1 << format.width) - 1 for format in self.formats[0]]
        codes = (frames & np.array(mask)).astype(np.uint64).T
        return dict(zip(self.inputs(), codes, strict=True))

    def corner_cases(self) -> dict[str, list[int]]:
        port = self.graph.inputs[0]
        return {
            name: sorted({port.low & (1 << f.width) - 1, port.high & (1 << f.width) - 1})
            for name, f in self.inputs().items()
        }

    def datapath(self, plan: Plan, **wires: Wire) -> Mapping[str, Wire]:
        found = datapath(
            plan,
            self.unrolled,
            self.designs,
            [wires[name] for name in self.inputs()],
            self.formats[1],
            self.levels,
            self._made,
        )
        return dict(zip(self.outputs(), found, strict=True))

    def facts(self, timing: Timing | None = None) -> dict[str, Any]:
        sums = [one for one in self.unrolled.operations if isinstance(one, Sums)]
        graphs = [self.designs[one.matrix].circuit.graph for one in sums]
        graphs += [circuit.graph for circuit in self.given]
        return {
            "products in hardware": self.unrolled.macs,
            "matrices": len(graphs),
            "distinct matrices": len({one.matrix for one in sums}) + len(self.given),
            "adders of the matrices": sum(len(graph.adders) for graph in graphs),
            "deepest matrix": max((graph.depth for graph in graphs), default=0),
            "time spent (s)": round(sum(d.seconds for d in self.designs.values()), 3),
        }

    def remarks(self) -> list[str]:
        return design_remarks(self.designs.values())

    def outcome(self) -> str:
        return "\n".join(design.circuit.to_json() for design in self.designs.values())
