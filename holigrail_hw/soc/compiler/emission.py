"""Layers become descriptors, buffers get places, and loads bring weights that do not stay.

The same walk is done twice: once to count, once with the addresses that follow from the counts.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from holigrail_hw.soc.descriptors.kinds import Add, Copy, Descriptor, Fill, Maximum
from holigrail_hw.soc.machine import Machine

from .buffers import Arena, Buffer, Geometry, Strip, copied, filled, strips_of
from .cycles import descriptor_cycles
from .geometries import Stage, geometries_of, stage_of
from .layers import Joined, Layer, Lookup, Network, Padded, Product, Sum
from .layers import Maximum as MaximumLayer
from .products import (
    Part,
    Weights,
    filled_by_product,
    product_descriptors,
    turned_descriptor,
    weights_of,
)

__all__ = ["Chunk", "Emission", "Plan", "Step", "emitted", "plan_of", "sizes_of"]

_ALIGNED = 16
_RAW, _RESULT = "input codes", "output codes"
_HALF = 1 << 30


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
        return self.buffers[_RAW]

    @property
    def output(self) -> Buffer:
        """Where the codes of the result are read."""
        return self.buffers[_RESULT]


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


def emitted(
    machine: Machine, plan: Plan, constants: int, streams: tuple[int, int], arena: int
) -> Emission:
    """The whole network, with constants, two buffers for parts of weights, and tensors at these
    addresses."""
    return _Walk(machine, plan, constants, streams, arena).walked()


class _Walk:
    def __init__(
        self, machine: Machine, plan: Plan, constants: int, streams: tuple[int, int], arena: int
    ):
        self._machine, self._plan, self._base, self._streams = machine, plan, constants, streams
        self._arena = Arena(arena, max(machine.rows, machine.columns))
        self._found = Emission()
        self._known: dict[bytes, int] = {}
        self._last_use: dict[str, int] = {}
        for at, layer in enumerate(plan.network.layers):
            self._last_use |= dict.fromkeys(layer.operands, at)
        self._last_use[plan.network.output] = len(plan.network.layers)

    def walked(self) -> Emission:
        network, found = self._plan.network, self._found
        self._enter(network)
        for at, layer in enumerate(network.layers):
            self._step(layer.result, layer.kind, layer.source, lambda a=at, x=layer: self._do(a, x))
            for name in {layer.result, *layer.operands}:
                if self._last_use.get(name, -1) <= at:
                    self._arena.free(name)
        self._leave(network)
        last = found.descriptors[-1]
        found.descriptors[-1] = replace(last, last=1)
        found.end = self._arena.end
        return found

    def _step(self, name: str, kind: str, source: str, work: Callable[[], None]) -> None:
        """Some descriptors that belong together."""
        first, before = len(self._found.descriptors), self._arena.end
        work()
        if self._arena.end > before:
            self._found.largest = name
        live = {**self._arena.live}
        count = len(self._found.descriptors) - first
        sizes = tuple((n, b.geometry.size) for n, b in live.items())
        self._found.steps.append(Step(name, kind, source, first, count, sizes))

    def _emit(self, descriptors: Iterable[Descriptor]) -> None:
        self._found.descriptors += descriptors

    def _constant(self, data: bytes) -> int:
        """The address of some bytes; equal ones lie at one place."""
        if data not in self._known:
            constants = self._found.constants
            constants += bytes(-len(constants) % _ALIGNED)
            self._known[data] = self._base + len(constants)
            constants += data
        return self._known[data]

    def _place(self, name: str, geometry: Geometry, instead: str | None = None) -> Buffer:
        """A buffer whose border is filled."""
        buffer = self._arena.place(name, geometry, instead)
        self._found.buffers[name] = buffer
        if self._arena.needs_border(buffer):
            for strip in strips_of(buffer):
                self._fill(geometry, strip)
        return buffer

    def _fill(self, geometry: Geometry, strip: Strip) -> None:
        """A strip of a border, in the way that takes fewer cycles."""
        plain = filled(geometry, strip)
        product = filled_by_product(self._machine, geometry, strip, self._constant)
        ways = [plain] if product is None else [plain, product]
        self._emit([min(ways, key=lambda way: descriptor_cycles(self._machine, way))])

    def _enter(self, network: Network) -> None:
        """The input as it comes, and as the first layer reads it."""
        geometry, stage = self._plan.geometries[network.input], self._plan.stage
        plain = Geometry(geometry.image, geometry.image[2])
        if stage is None and geometry.is_plain:
            # The last pixel of a vector may have spare bytes.
            self._found.buffers[_RAW] = self._place(network.input, geometry)
            return
        raw = self._place(_RAW, plain)

        def work() -> None:
            source, inner = raw, network.input
            if stage is not None:
                inner = "input with border" if any(stage.packed.border) else _RAW
            if inner != _RAW:
                kept = stage.packed if stage is not None else geometry
                source = self._place(inner, kept)
                self._emit([copied(raw, source)])
                self._arena.free(_RAW)
            if stage is not None:
                target = self._place(network.input, stage.windows)
                self._emit(_windows(stage, source, target, network))
                self._arena.free(inner)

        self._step(network.input, "input", "", work)

    def _leave(self, network: Network) -> None:
        """The output without gaps."""
        buffer = self._found.buffers[network.output]
        geometry = buffer.geometry
        if geometry.is_plain and network.output != network.input:
            self._found.buffers[_RESULT] = buffer
            return
        plain = Geometry(geometry.image, geometry.image[2])

        def work() -> None:
            self._emit([copied(buffer, self._place(_RESULT, plain))])

        self._step(_RESULT, "output", "", work)

    def _do(self, at: int, layer: Layer) -> None:
        """The descriptors of a layer."""
        geometry = self._plan.geometries[layer.result]
        operands = [self._found.buffers[name] for name in layer.operands]
        instead = None
        if isinstance(layer, Sum | Lookup):
            ending = [n for n in layer.operands if self._last_use[n] == at]
            same = [n for n in ending if layer.operands.count(n) == 1]
            instead = same[0] if same else None
        target = self._place(layer.result, geometry, instead)
        match layer:
            case Product():
                self._product(layer, operands[0], target)
            case MaximumLayer():
                self._emit([_maximum(self._machine, layer, operands[0], target)])
            case Sum():
                data = b"".join(t.astype("<i4").tobytes() for t in layer.tables)
                rescaling = layer.rescaling
                fields = {
                    "tables": self._constant(data),
                    "multiplier": int(rescaling.multiplier[0]),
                    "shift": int(rescaling.shift[0]),
                    "once": int(rescaling.once),
                    "zero_point": rescaling.zero_point,
                    "low": rescaling.low,
                    "high": rescaling.high,
                }
                self._emit([_by_tables(operands[0], operands[1], target, fields)])
            case Lookup():
                # Half of an even number is exact: codes come back as they are.
                data = (2 * layer.codes).astype("<i4").tobytes() + bytes(1024)
                fields = {"tables": self._constant(data), "multiplier": _HALF}
                self._emit([_by_tables(operands[0], operands[0], target, fields)])
            case Joined():
                place = 0
                for operand in operands:
                    self._emit([copied(operand, target, place)])
                    place += operand.geometry.image[2]
            case Padded():
                self._emit(_padded(layer, operands[0], target))

    def _product(self, layer: Product, a: Buffer, y: Buffer) -> None:
        plan, packed = self._plan, self._plan.weights[layer.result]
        if plan.stage is not None and layer.result == plan.stage.layer.result:
            layer = plan.stage.layer
        buffers = (a, y)
        if packed.turned:
            self._emit([turned_descriptor(self._machine, layer, buffers, packed, self._constant)])
            return
        if layer.result not in plan.streamed:
            whole = Part(
                0,
                packed.tiles,
                self._constant(packed.weights),
                self._constant(packed.parameters),
            )
            for part in product_descriptors(self._machine, layer, buffers, packed, [whole]):
                self._emit(part)
            return
        each = max(plan.part // (packed.parameter_step + packed.weight_step), 1)
        parts = []
        for number, first in enumerate(range(0, packed.tiles, each)):
            count = min(each, packed.tiles - first)
            base = self._streams[(len(self._found.chunks) + number) % 2]
            parts.append(Part(first, count, base + count * packed.parameter_step, base))
        made = product_descriptors(self._machine, layer, buffers, packed, parts)
        for part, descriptors in zip(parts, made, strict=True):
            first = len(self._found.descriptors)
            data = packed.part(part.first, part.count)
            loads = len(self._found.chunks) + 1
            waiting = replace(descriptors[0], wait=1, wait_count=loads % 256)
            self._emit([waiting, *descriptors[1:]])
            self._found.chunks.append(Chunk(data, first, first + len(descriptors) - 1))


def _windows(stage: Stage, source: Buffer, target: Buffer, network: Network) -> Iterator[Copy]:
    """Every window of a row as a pixel, or those of some rows, one behind the other."""
    original = next(x for x in network.layers if x.result == stage.layer.result)
    assert isinstance(original, Product)
    rows, across, length = stage.windows.image
    a, y = stage.packed, stage.windows
    each, given = length // stage.folded, a.size // a.row_step
    for place in range(stage.folded):
        yield Copy(
            nx=each,
            ny=across,
            groups=min(rows, -(-(given - place) // stage.folded)),
            a_base=source.base + place * a.row_step,
            a_step_y=original.window.strides[1] * a.pitch,
            a_step_group=stage.folded * a.row_step,
            y_base=target.base + place * each,
            y_step_y=y.pitch,
            y_step_group=y.row_step,
        )


def _maximum(machine: Machine, layer: MaximumLayer, a: Buffer, y: Buffer) -> Maximum:
    rows, columns, channels = y.geometry.image
    above, before = layer.window.pads[:2]
    down, across = layer.window.strides
    pitch, step = a.geometry.pitch, a.geometry.row_step
    groups = -(-channels // machine.rows)
    return Maximum(
        nx=columns,
        ny=rows,
        fx=layer.window.kernel[1],
        fy=layer.window.kernel[0],
        groups=groups,
        a_base=a.pixel(-above, -before),
        a_step_x=across * pitch if columns > 1 else 0,
        a_step_y=down * step if rows > 1 else 0,
        a_step_fx=layer.window.dilations[1] * pitch,
        a_step_fy=layer.window.dilations[0] * step,
        a_step_group=machine.rows,
        y_base=y.first,
        y_step_x=y.geometry.pitch if columns > 1 else 0,
        y_step_y=y.geometry.row_step if rows > 1 else 0,
        y_step_group=machine.rows,
        valid=channels % machine.rows,
        low=layer.low,
        high=layer.high,
    )


def _by_tables(a: Buffer, b: Buffer, y: Buffer, fields: dict[str, Any]) -> Add:
    """Rows of codes, spare bytes of pixels included."""
    rows, columns, _ = y.geometry.image
    return Add(
        nx=columns * y.geometry.pitch,
        ny=rows,
        a_base=a.first,
        a_step_y=a.geometry.row_step if rows > 1 else 0,
        b_base=b.first,
        b_step_y=b.geometry.row_step if rows > 1 else 0,
        y_base=y.first,
        y_step_y=y.geometry.row_step if rows > 1 else 0,
        **fields,
    )


def _padded(layer: Padded, a: Buffer, y: Buffer) -> list[Descriptor]:
    """The value everywhere, then the image within."""
    rows, columns, _ = y.geometry.image
    fill = Fill(
        nx=columns * y.geometry.pitch,
        ny=rows,
        y_base=y.first,
        y_step_y=y.geometry.row_step if rows > 1 else 0,
        value=layer.value,
    )
    above, before = layer.before
    return [fill, copied(a, y, above * y.geometry.row_step + before * y.geometry.pitch)]


def sizes_of(plan: Plan) -> dict[str, int]:
    """Bytes of weights and parameters of every layer of products."""
    return {name: len(w.weights) + len(w.parameters) for name, w in plan.weights.items()}
