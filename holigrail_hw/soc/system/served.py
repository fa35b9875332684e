"""An accelerator with a processor, as a host sees it: a network loaded, and run frame by frame.

A layer is looked at by a chain that ends behind it: its last descriptor gets the mark ``last``, the
chain runs, and the bytes of its tensor are read back. So the same check finds the first wrong layer
of a simulation and of a board.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from holigrail_hw.core.errors import DesignError, RequestError
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.whole_system import ByteLine, Checked, WholeSystem
from holigrail_hw.models.formulas.twice_rounded import TwiceRounded
from holigrail_hw.models.graph.graph import IntegerGraph
from holigrail_hw.models.graph.nodes import Linear, Port, Requantise
from holigrail_hw.soc.compiler.compare import executed, loaded, tensor_at, told
from holigrail_hw.soc.compiler.compile import compiled
from holigrail_hw.soc.compiler.program import Program
from holigrail_hw.soc.firmware.build import MEMORY_BYTES
from holigrail_hw.soc.hardware.core import PATIENCE
from holigrail_hw.soc.hardware.style import Style
from holigrail_hw.soc.hosts.firmware_host import FirmwareHost
from holigrail_hw.soc.machine import DESCRIPTOR_BYTES, Machine

from .files import system_of, system_sources

__all__ = ["Lines", "ServedAccelerator", "inner"]

_LOGIC = 0.6


@dataclass(frozen=True)
class ServedAccelerator(WholeSystem):
    """The system of a machine, and what a network on it must answer.

    Parameters
    ----------
    machine : Machine
    preset : str
        The processor's form.
    lane_count : int or None
        Lanes that the columns of the engine share.
    network : (IntegerGraph, Program) or None
        What is asked of it.
    patience : int
        An error ends a descriptor that moves nothing for 2 to this power of cycles.
    style : Style
        What the hardware is made of.
    """

    machine: Machine
    preset: str
    lane_count: int | None
    network: tuple[IntegerGraph, Program] | None
    patience: int = PATIENCE
    style: Style = field(default_factory=Style)

    def component(self, timing: Timing) -> Any:
        return system_of(
            self.machine,
            self.preset,
            self.lane_count,
            inner(timing),
            self.patience,
            self.style,
        )

    def sources(self) -> Mapping[str, bytes]:
        return system_sources(self.preset)

    def flash(self) -> tuple[int, bytes] | None:
        """The image, which the programme loads itself."""
        if not self.machine.loader:
            return None
        return (0, b"") if self.network is None else (self.network[1].flash, self.network[1].image)

    def memory_bits(self) -> int:
        """Scratchpad, if it lies in such memories, and programme."""
        scratchpad = 0 if self.style.has_one_port else self.machine.scratchpad
        return 8 * (scratchpad + MEMORY_BYTES)

    def check_request(self) -> None:
        self._asked()

    def check(
        self, line: ByteLine, seed: int, count: int, say: Callable[[str], None] = lambda text: None
    ) -> Checked:
        graph, program = self._asked()
        host = _begun(line, program)
        rng = np.random.default_rng(seed)
        frames = [_frame(graph, rng) for _ in range(count)]
        # Loads wait for descriptors: a chain that ends early would leave them waiting.
        layers: list[str] = []
        if not program.loads:
            say("the layers of a frame are compared")
            layers = _compared(host, graph, program, frames[0])
        for number, frame in enumerate(frames):
            say(f"frame {number + 1} of {count}")
            _answered(host, graph, program, frame)
        text = (
            f"{len(layers)} layers and {count} answers, {host.cycles} cycles of the accelerator a"
            f" frame, {program.cycles} predicted"
        )
        return Checked(len(layers) + count, text)

    def short_check(self, line: ByteLine, seed: int) -> Checked:
        """A layer of random weights, whatever the network is."""
        rng = np.random.default_rng(seed)
        graph = _layer(self.machine, rng)
        program = compiled(graph, self.machine)
        host = _begun(line, program)
        _answered(host, graph, program, _frame(graph, rng))
        return Checked(1, f"the answer of a layer, {host.cycles} cycles of the accelerator")

    def _asked(self) -> tuple[IntegerGraph, Program]:
        if self.network is None:
            raise RequestError(
                "accelerator: there must be a network to ask the system about, not none",
                hint="say --model FILE, an int8 TFLite file",
            )
        return self.network


def inner(timing: Timing) -> Timing:
    """What the accelerator in a system is planned for.

    On a device that is this full, wires take about as long as what they connect.
    """
    if timing.period_ns is None:
        return timing
    return replace(timing, period_ns=_LOGIC * timing.period_ns)


@dataclass(frozen=True)
class Lines:
    """Lines out of single bytes."""

    line: ByteLine

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.line.write(data)

    def read(self, count: int) -> bytes:
        """So many bytes; fewer if they do not come in time."""
        return self.line.read(count)

    def readline(self) -> bytes:
        """The bytes up to a line feed; fewer if they do not come in time."""
        found = b""
        while not found.endswith(b"\n"):
            byte = self.line.read(1)
            if not byte:
                break
            found += byte
        return found


def _layer(machine: Machine, rng: np.random.Generator) -> IntegerGraph:
    """Sums over two vectors of rows, one result for every column, requantised."""
    inputs, results = 2 * machine.rows, machine.columns
    port = Port(name="x", tensor="x", file_shape=(1, inputs), shape=(inputs,), low=-128, high=127)
    sums = Linear(
        name="sums",
        inputs=("x",),
        weights=rng.integers(-128, 128, (inputs, results)),
        bias=rng.integers(-9999, 9999, results),
        zero=int(rng.integers(-128, 128)),
    )
    factors = rng.integers(1 << 30, 1 << 31, results), np.full(results, -9)
    formula = TwiceRounded(*factors, zero=5, low=-128, high=127)
    codes = Requantise(name="codes", inputs=("sums",), formula=formula)
    end = Port(name="y", tensor="codes", file_shape=(1, results), shape=(results,))
    return IntegerGraph(name="layer", inputs=(port,), outputs=(end,), nodes=(sums, codes))


def _frame(graph: IntegerGraph, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-128, 128, graph.inputs[0].shape)


def _begun(line: ByteLine, program: Program) -> FirmwareHost:
    """The programme answers, it is on the right machine, and the image is loaded."""
    host = FirmwareHost(Lines(line))
    digest = host.digest()
    if digest != program.machine.digest:
        raise DesignError(
            f"accelerator: the machine must have the digest {program.machine.digest:08x}, not"
            f" {digest:08x}",
            hint="build it with the same parameters as those of the network",
        )
    host.load(program)
    return host


def _answered(host: FirmwareHost, graph: IntegerGraph, program: Program, frame: np.ndarray) -> None:
    """Raises DesignError unless the frame's answer is the graph's."""
    found = host.run(program, frame[None])[0]
    wanted = graph.evaluate(frame[None]).reshape(-1)
    if not np.array_equal(found, wanted):
        raise DesignError(
            f"accelerator: the answer must be {wanted.tolist()}, not {found.tolist()}"
        )


def _compared(
    host: FirmwareHost, graph: IntegerGraph, program: Program, frame: np.ndarray
) -> list[str]:
    """The layers whose tensors are those of the graph, all that can be compared.

    Channels that cannot change have left the program: then the executor says what a tensor is.
    """
    tensors = graph.evaluate(frame[None], every=True)
    memory, snapshots = loaded(program, frame), {}
    ends = {step.first + step.count - 1: step for step in program.steps}

    def keep(at: int, _: Any) -> None:
        step = ends.get(at)
        if step is not None and step.name in program.buffers:
            snapshots[step.name] = tensor_at(memory, program.buffers[step.name])

    executed(program, memory, keep)
    done = []
    for at, step in sorted(ends.items()):
        if step.name not in snapshots:
            continue
        image = snapshots[step.name].shape
        wanted = np.asarray(tensors[step.name][0]) if step.name in tensors else snapshots[step.name]
        if wanted.size != np.prod(image):
            wanted = snapshots[step.name]
        place = program.start + DESCRIPTOR_BYTES * at
        host.put(place, replace(program.descriptors[at], last=1).encode())
        host.frame(frame)
        host.go()
        buffer = program.buffers[step.name]
        first, bytes_ = buffer.first, (image[0] - 1) * buffer.geometry.row_step
        bytes_ += (image[1] - 1) * buffer.geometry.pitch + image[2]
        copy = np.zeros(first + bytes_, np.uint8)
        copy[first:] = np.frombuffer(host.read(first, bytes_), np.uint8)
        difference = told(step, wanted.reshape(image), tensor_at(copy, buffer))
        if difference is not None:
            raise DesignError(f"accelerator: {difference.text}")
        host.put(place, program.descriptors[at].encode())
        done.append(step.name)
    return done
