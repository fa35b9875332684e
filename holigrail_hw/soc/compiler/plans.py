"""What is known of a network before it has addresses, and what a walk through it finds."""

from dataclasses import dataclass, field

from holigrail_hw.soc.descriptors.kinds import Descriptor
from holigrail_hw.soc.machine import Machine

from .buffers import Buffer, Geometry
from .geometries import Stage, geometries_of, stage_of
from .layers import Network, Product
from .weights import Weights, weights_of

__all__ = ["RAW", "RESULT", "Chunk", "Emission", "Plan", "Step", "plan_of", "sizes_of"]

RAW, RESULT = "input codes", "output codes"
"""Names of the buffers of a frame and of its answer."""


@dataclass(frozen=True)
class Step:
    """Descriptors ``first`` to ``first + count - 1`` do one layer, or move input or output.

    ``live`` are the tensors that have a place then, with their bytes.
    """

    name: str
    kind: str
    source: str
    first: int
    count: int
    live: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Chunk:
    """A part of the weights of a layer that is loaded when it is needed.

    Its first descriptor waits for it; its last one frees its buffer.
    """

    data: bytes
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Plan:
    """What is known of a network before anything has an address.

    ``streamed`` are the results of layers whose weights are loaded in parts of at most ``part``
    bytes.
    """

    network: Network
    geometries: dict[str, Geometry]
    stage: Stage | None
    weights: dict[str, Weights]
    streamed: frozenset[str] = frozenset()
    part: int = 0


@dataclass(eq=False)
class Emission:
    """What a walk has found."""

    constants: bytearray = field(default_factory=bytearray)
    descriptors: list[Descriptor] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    buffers: dict[str, Buffer] = field(default_factory=dict)
    end: int = 0
    largest: str = ""

    @property
    def input(self) -> Buffer:
        """Where the codes of a frame are written."""
        return self.buffers[RAW]

    @property
    def output(self) -> Buffer:
        """Where the codes of the result are read."""
        return self.buffers[RESULT]


def plan_of(machine: Machine, network: Network) -> Plan:
    """Geometries, and weights as bytes.

    Raises
    ------
    RequestError
        If a layer cannot be done by the machine.
    """
    geometries = geometries_of(machine, network)
    stage = stage_of(machine, network, geometries[network.input]) if network.layers else None
    weights = {}
    for layer in network.layers:
        if not isinstance(layer, Product):
            continue
        if stage is not None and layer.result == stage.layer.result:
            weights[layer.result] = weights_of(machine, stage.layer, stage.windows)
        else:
            weights[layer.result] = weights_of(machine, layer, geometries[layer.operands[0]])
    return Plan(network, geometries, stage, weights)


def sizes_of(plan: Plan) -> dict[str, int]:
    """Bytes of weights and parameters of every layer of products."""
    return {name: len(w.weights) + len(w.parameters) for name, w in plan.weights.items()}
