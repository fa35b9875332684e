"""Layers become descriptors, buffers get places, and loads bring weights that do not stay.

The same walk is done twice: once to count, once with the addresses that follow from the counts.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from holigrail_hw.soc.descriptors.kinds import Descriptor
from holigrail_hw.soc.machine import Machine

from .borders import filled_strip
from .buffers import Arena, Buffer, Geometry, copied, strips_of
from .layers import Joined, Layer, Lookup, Network, Padded, Product, Sum
from .layers import Maximum as MaximumLayer
from .means import turned_descriptor
from .plans import RAW, RESULT, Chunk, Emission, Plan, Step
from .products import product_descriptors
from .vector_layers import by_tables, maximum, padded, windows
from .weights import Part

__all__ = ["emitted"]

_ALIGNED = 16
_HALF = 1 << 30


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
                self._emit([filled_strip(self._machine, geometry, strip, self._constant)])
        return buffer

    def _enter(self, network: Network) -> None:
        """The input as it comes, and as the first layer reads it."""
        geometry, stage = self._plan.geometries[network.input], self._plan.stage
        plain = Geometry(geometry.image, geometry.image[2])
        if stage is None and geometry.is_plain:
            # The last pixel of a vector may have spare bytes.
            self._found.buffers[RAW] = self._place(network.input, geometry)
            return
        raw = self._place(RAW, plain)

        def work() -> None:
            source, inner = raw, network.input
            if stage is not None:
                inner = "input with border" if any(stage.packed.border) else RAW
            if inner != RAW:
                kept = stage.packed if stage is not None else geometry
                source = self._place(inner, kept)
                self._emit([copied(raw, source)])
                self._arena.free(RAW)
            if stage is not None:
                target = self._place(network.input, stage.windows)
                self._emit(windows(stage, source, target, network))
                self._arena.free(inner)

        self._step(network.input, "input", "", work)

    def _leave(self, network: Network) -> None:
        """The output without gaps."""
        buffer = self._found.buffers[network.output]
        geometry = buffer.geometry
        if geometry.is_plain and network.output != network.input:
            self._found.buffers[RESULT] = buffer
            return
        plain = Geometry(geometry.image, geometry.image[2])

        def work() -> None:
            self._emit([copied(buffer, self._place(RESULT, plain))])

        self._step(RESULT, "output", "", work)

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
                self._emit([maximum(self._machine, layer, operands[0], target)])
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
                self._emit([by_tables(operands[0], operands[1], target, fields)])
            case Lookup():
                # Half of an even number is exact: codes come back as they are.
                data = (2 * layer.codes).astype("<i4").tobytes() + bytes(1024)
                fields = {"tables": self._constant(data), "multiplier": _HALF}
                self._emit([by_tables(operands[0], operands[0], target, fields)])
            case Joined():
                place = 0
                for operand in operands:
                    self._emit([copied(operand, target, place)])
                    place += operand.geometry.image[2]
            case Padded():
                self._emit(padded(layer, operands[0], target))

    def _product(self, layer: Product, a: Buffer, y: Buffer) -> None:
        plan, packed = self._plan, self._plan.weights[layer.result]
        if plan.stage is not None and layer.result == plan.stage.layer.result:
            layer = plan.stage.layer
        buffers = (a, y)
        if packed.turned:
            mean = turned_descriptor(
                self._machine,
                layer,
                buffers,
                packed.parameters,
                self._constant,
                wide=packed.wide,
            )
            self._emit([mean])
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
